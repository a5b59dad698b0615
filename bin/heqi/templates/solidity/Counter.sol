// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// A number that everybody may raise and only the owner may set.
contract Counter {
    address public immutable owner;
    uint256 public number;

    event NumberChanged(address indexed by, uint256 number);

    error NotOwner(address caller);

    constructor(uint256 start) {
        owner = msg.sender;
        number = start;
    }

    function increment() external {
        number += 1;
        emit NumberChanged(msg.sender, number);
    }

    function set(uint256 next) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        number = next;
        emit NumberChanged(msg.sender, next);
    }
}
