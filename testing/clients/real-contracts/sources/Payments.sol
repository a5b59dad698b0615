// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// Takes and gives the ledger's own unit in equal shares.
contract Splitter is ReentrancyGuard {
    event Received(address indexed from, uint256 amount);
    event Paid(address indexed to, uint256 amount);

    address payable[] private payees;

    constructor(address payable[] memory all) payable {
        payees = all;
    }

    receive() external payable {
        emit Received(msg.sender, msg.value);
    }

    /// An equal share of what is here for everybody; also of nothing.
    function release() external nonReentrant {
        uint256 share = address(this).balance / payees.length;
        for (uint256 i = 0; i < payees.length; i++) pay(payees[i], share);
    }

    function pay(address payable to, uint256 amount) public {
        Address.sendValue(to, amount);
        emit Paid(to, amount);
    }

    function forward(address target, bytes calldata data, uint256 amount) external returns (bytes memory) {
        return Address.functionCallWithValue(target, data, amount);
    }
}

/// Calls back into whoever pays it.
contract Intruder {
    receive() external payable {
        Splitter(payable(msg.sender)).release();
    }
}
