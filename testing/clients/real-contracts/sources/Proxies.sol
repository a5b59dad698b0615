// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

/// What stands behind proxies of every kind.
contract CounterV1 is Initializable, OwnableUpgradeable, UUPSUpgradeable {
    uint256 public number;

    constructor() {
        _disableInitializers();
    }

    function initialize(address owner, uint256 first) external initializer {
        __Ownable_init(owner);
        number = first;
    }

    function add(uint256 by) external {
        number += by;
    }

    function version() external pure virtual returns (uint256) {
        return 1;
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}

/// Its next version, with one more value.
contract CounterV2 is CounterV1 {
    uint256 public step;

    function initializeV2(uint256 first) external reinitializer(2) {
        step = first;
    }

    function version() external pure override returns (uint256) {
        return 2;
    }
}

/// Makes contracts by all ways of Clones and Create2.
contract Workshop {
    event Made(address instance);

    function clone(address implementation) external returns (address) {
        return made(Clones.clone(implementation));
    }

    function cloneAt(address implementation, bytes32 salt) external returns (address) {
        return made(Clones.cloneDeterministic(implementation, salt));
    }

    function cloneWith(address implementation, bytes calldata args) external returns (address) {
        return made(Clones.cloneWithImmutableArgs(implementation, args));
    }

    function create2(bytes32 salt, bytes calldata initCode) external payable returns (address) {
        return made(Create2.deploy(msg.value, salt, initCode));
    }

    function addressOfClone(address implementation, bytes32 salt) external view returns (address) {
        return Clones.predictDeterministicAddress(implementation, salt);
    }

    function argsOf(address instance) external view returns (bytes memory) {
        return Clones.fetchCloneArgs(instance);
    }

    function addressOfCreate2(bytes32 salt, bytes32 initCodeHash) external view returns (address) {
        return Create2.computeAddress(salt, initCodeHash);
    }

    function made(address instance) private returns (address) {
        emit Made(instance);
        return instance;
    }
}
