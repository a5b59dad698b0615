// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// An ordinary ERC-20 (EIP-20), with minting in bulk so that many accounts can be filled quickly.
/// A token for measuring: it has no value, and anybody may fill holders that nobody has a key of.
contract Token {
    string public constant name = "Load";
    string public constant symbol = "LOAD";
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    address public immutable minter = msg.sender;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error InsufficientBalance(uint256 held, uint256 needed);
    error InsufficientAllowance(uint256 allowed, uint256 needed);
    error NotMinter(address caller);

    function mintMany(address[] calldata accounts, uint256 amount) external {
        if (msg.sender != minter) revert NotMinter(msg.sender);
        for (uint256 i = 0; i < accounts.length; i++) {
            balanceOf[accounts[i]] += amount;
            emit Transfer(address(0), accounts[i], amount);
        }
        totalSupply += amount * accounts.length;
    }

    /// Address of a holder that only receives.
    /// The last 20 bytes of keccak256(abi.encode(seed, index)), in scratch memory: loops stay cheap.
    function holder(uint256 seed, uint256 index) public pure returns (address account) {
        assembly ("memory-safe") {
            mstore(0, seed)
            mstore(32, index)
            account := and(keccak256(0, 64), 0xffffffffffffffffffffffffffffffffffffffff)
        }
    }

    /// Fills the holders from `start` on. No events: the log index would grow by each holder.
    function mintRange(uint256 seed, uint256 start, uint256 count, uint256 amount) external {
        for (uint256 i = start; i < start + count; i++) {
            balanceOf[holder(seed, i)] += amount;
        }
        totalSupply += amount * count;
    }

    /// What the holders from `start` on hold together.
    function sumRange(uint256 seed, uint256 start, uint256 count) external view returns (uint256 sum) {
        for (uint256 i = start; i < start + count; i++) {
            sum += balanceOf[holder(seed, i)];
        }
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed < amount) revert InsufficientAllowance(allowed, amount);
        allowance[from][msg.sender] = allowed - amount;
        move(from, to, amount);
        return true;
    }

    function move(address from, address to, uint256 amount) private {
        uint256 held = balanceOf[from];
        if (held < amount) revert InsufficientBalance(held, amount);
        unchecked {
            balanceOf[from] = held - amount;
            balanceOf[to] += amount;
        }
        emit Transfer(from, to, amount);
    }
}
