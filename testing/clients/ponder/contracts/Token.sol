// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// What an indexer follows: balances that are the sum of the events. It has no value, anybody may mint.
contract Token {
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    error InsufficientBalance(uint256 held, uint256 needed);

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 held = balanceOf[msg.sender];
        if (held < value) revert InsufficientBalance(held, value);
        balanceOf[msg.sender] = held - value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

/// Pays from its own balance, so that a transaction has calls within a call.
contract Cashier {
    Token public immutable token;

    constructor(Token token_) {
        token = token_;
    }

    function pay(address to, uint256 value) external returns (uint256 left) {
        token.transfer(to, value);
        return token.balanceOf(address(this));
    }
}
