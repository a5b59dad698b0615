// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Everything a client has to decode: state, events, and each kind of failure.
contract Probe {
    uint256 public value;
    address public immutable deployer;
    mapping(address => uint256) public writes;

    event ValueSet(address indexed who, uint256 indexed value, string note);

    error TooLarge(uint256 given, uint256 limit);

    uint256 public constant LIMIT = 1_000_000;

    constructor(uint256 initial) {
        value = initial;
        deployer = msg.sender;
    }

    function set(uint256 next, string calldata note) public {
        if (next > LIMIT) revert TooLarge(next, LIMIT);
        value = next;
        writes[msg.sender] += 1;
        emit ValueSet(msg.sender, next, note);
    }

    function requireString() external {
        value += 1;
        require(value == 0, "the value is not zero");
    }

    function divide(uint256 by) external returns (uint256) {
        value = value / by;
        return value;
    }

    function price() external view returns (uint256) {
        return tx.gasprice;
    }
}
