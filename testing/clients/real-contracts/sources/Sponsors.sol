// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BasePaymaster as BasePaymaster07} from "account-abstraction-0.7/core/BasePaymaster.sol";
import {IEntryPoint as IEntryPoint07} from "account-abstraction-0.7/interfaces/IEntryPoint.sol";
import {PackedUserOperation as Operation07} from "account-abstraction-0.7/interfaces/PackedUserOperation.sol";
import {BasePaymaster as BasePaymaster08} from "account-abstraction-0.8/core/BasePaymaster.sol";
import {IEntryPoint as IEntryPoint08} from "account-abstraction-0.8/interfaces/IEntryPoint.sol";
import {PackedUserOperation as Operation08} from "account-abstraction-0.8/interfaces/PackedUserOperation.sol";

event Sponsored(address indexed guest, uint256 cost);

error NotAGuest(address sender);

/// Pays for one account's operations, at EntryPoint 0.7.
contract Sponsor07 is BasePaymaster07 {
    address private immutable guest;

    constructor(IEntryPoint07 entryPoint, address sponsored) BasePaymaster07(entryPoint) {
        guest = sponsored;
    }

    function _validatePaymasterUserOp(Operation07 calldata operation, bytes32, uint256)
        internal view override returns (bytes memory, uint256)
    {
        if (operation.sender != guest) revert NotAGuest(operation.sender);
        return (abi.encode(operation.sender), 0);
    }

    function _postOp(PostOpMode, bytes calldata context, uint256 cost, uint256) internal override {
        emit Sponsored(abi.decode(context, (address)), cost);
    }
}

/// The same at EntryPoint 0.8.
contract Sponsor08 is BasePaymaster08 {
    address private immutable guest;

    constructor(IEntryPoint08 entryPoint, address sponsored) BasePaymaster08(entryPoint) {
        guest = sponsored;
    }

    function _validatePaymasterUserOp(Operation08 calldata operation, bytes32, uint256)
        internal view override returns (bytes memory, uint256)
    {
        if (operation.sender != guest) revert NotAGuest(operation.sender);
        return (abi.encode(operation.sender), 0);
    }

    function _postOp(PostOpMode, bytes calldata context, uint256 cost, uint256) internal override {
        emit Sponsored(abi.decode(context, (address)), cost);
    }
}
