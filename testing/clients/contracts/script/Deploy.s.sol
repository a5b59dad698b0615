// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Probe} from "../src/Probe.sol";

interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
    function envBytes32(string calldata name) external view returns (bytes32);
}

/// Deploys through the CREATE2 deployer and writes `WRITES` times, each with its own nonce.
contract Deploy {
    Vm private constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    uint256 private constant WRITES = 50;

    function run() external returns (Probe probe) {
        vm.startBroadcast();
        probe = new Probe{salt: vm.envBytes32("PROBE_SALT")}(7);
        for (uint256 i = 1; i <= WRITES; i++) {
            probe.set(i, "script");
        }
        vm.stopBroadcast();
    }
}
