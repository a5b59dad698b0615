// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {AccessControlDefaultAdminRules} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// Functions that a manager guards.
contract ManagedTarget is AccessManaged {
    event Done(address caller, uint256 number);

    constructor(address manager) AccessManaged(manager) {}

    function restricted_(uint256 number) external payable restricted {
        emit Done(msg.sender, number);
    }

    function open(uint256 number) external {
        emit Done(msg.sender, number);
    }
}

/// Roles with an administrator who changes slowly.
contract Roles is AccessControlDefaultAdminRules {
    bytes32 public constant WRITER = keccak256("WRITER");

    uint256 public written;

    constructor(uint48 delay, address admin) AccessControlDefaultAdminRules(delay, admin) {}

    function write(uint256 value) external onlyRole(WRITER) {
        written = value;
    }
}

/// An owner who is asked before.
contract Owned is Ownable2Step {
    constructor(address owner) Ownable(owner) {}

    function guarded() external view onlyOwner returns (address) {
        return msg.sender;
    }
}
