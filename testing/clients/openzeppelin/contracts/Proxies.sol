// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// A value that an upgrade keeps.
contract Box is Initializable, UUPSUpgradeable {
    address public owner;
    uint256 public value;

    error NotOwner(address caller);

    event Stored(uint256 value);

    constructor() {
        _disableInitializers();
    }

    function initialize(address owner_, uint256 value_) external initializer {
        owner = owner_;
        value = value_;
    }

    function store(uint256 value_) external payable {
        value = value_;
        emit Stored(value_);
    }

    function version() external pure virtual returns (uint256) {
        return 1;
    }

    function _authorizeUpgrade(address) internal view override {
        if (msg.sender != owner) revert NotOwner(msg.sender);
    }
}

/// The next version.
contract BoxTwo is Box {
    function migrate(uint256 added) external reinitializer(2) {
        value += added;
    }

    function version() external pure override returns (uint256) {
        return 2;
    }
}

/// No proxy takes this one.
contract NotUpgradeable {
    uint256 public value;
}

/// Says another slot than that of ERC-1967.
contract WrongSlot {
    function proxiableUUID() external pure returns (bytes32) {
        return keccak256("wrong");
    }
}

/// Makes contracts at addresses known before.
contract Factory {
    event Made(address instance);

    function deploy(uint256 value, bytes32 salt, bytes calldata code) external payable returns (address) {
        address instance = Create2.deploy(value, salt, code);
        emit Made(instance);
        return instance;
    }

    function predict(bytes32 salt, bytes32 codeHash) external view returns (address) {
        return Create2.computeAddress(salt, codeHash);
    }

    function clone(address implementation, bytes calldata call) external payable {
        _made(Clones.clone(implementation, msg.value), call);
    }

    function cloneDeterministic(address implementation, bytes32 salt, bytes calldata call) external payable {
        _made(Clones.cloneDeterministic(implementation, salt, msg.value), call);
    }

    function cloneWithArguments(address implementation, bytes calldata arguments) external {
        _made(Clones.cloneWithImmutableArgs(implementation, arguments), "");
    }

    function predictClone(address implementation, bytes32 salt) external view returns (address) {
        return Clones.predictDeterministicAddress(implementation, salt);
    }

    function argumentsOf(address instance) external view returns (bytes memory) {
        return Clones.fetchCloneArgs(instance);
    }

    function _made(address instance, bytes memory call) private {
        if (call.length > 0) {
            (bool success, bytes memory output) = instance.call(call);
            // solhint-disable-next-line no-inline-assembly
            if (!success) assembly ("memory-safe") { revert(add(output, 32), mload(output)) }
        }
        emit Made(instance);
    }
}
