// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Counter} from "../src/Counter.sol";

/// The part of Foundry's cheat codes that a deployment needs.
interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

contract Deploy {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function run() external returns (Counter counter) {
        VM.startBroadcast();
        counter = new Counter(7);
        counter.increment();
        VM.stopBroadcast();
    }
}
