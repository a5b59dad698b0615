// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Writes two storage slots per call and nothing else.
contract Store {
    mapping(address => uint256) public count;
    mapping(address => uint256) public last;

    function put(uint256 value) external {
        count[msg.sender] += 1;
        last[msg.sender] = value;
    }
}
