// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// Every way in which a call fails.
contract Faults {
    struct Point { uint256 x; int8 y; }

    enum Choice { One, Two }

    error Plain();
    error Numbers(uint256 first, int256 second);
    error Nested(Point point, uint256[] list, string text, bytes data);

    uint256[] private _list;
    uint256 public counter;
    Choice public choice;

    function plain() external pure { revert Plain(); }
    function numbers(uint256 first, int256 second) external pure { revert Numbers(first, second); }
    function nested(Point calldata point, uint256[] calldata list, string calldata text, bytes calldata data) external pure {
        revert Nested(point, list, text, data);
    }
    function reason(string calldata text) external pure { revert(text); }
    function silent() external { counter += 1; revert(); }
    function checkFails() external pure { assert(false); }
    function overflow(uint256 value) external pure returns (uint256) { return type(uint256).max + value; }
    function divide(uint256 value) external pure returns (uint256) { return 1 / value; }
    function toChoice(uint8 value) external { choice = Choice(value); }
    function pop() external { _list.pop(); }
    function item(uint256 index) external view returns (uint256) { return _list[index]; }
    function allocate() external pure returns (uint256) { return new uint256[](2 ** 65).length; }
    function invalid() external pure { assembly { invalid() } }
    function exhaust() external { while (true) counter += 1; }
    function count() external { counter += 1; }
    function burnGas(uint256 rounds) external { for (uint256 at_ = 0; at_ < rounds; ++at_) counter += 1; }
    function fails(bool condition) external payable { require(!condition, "condition"); counter += msg.value; }
}

/// Calls through OpenZeppelin's library.
contract Caller {
    using Address for address;

    event Returned(bytes output);

    function call(address target, bytes calldata data, uint256 value) external payable {
        emit Returned(target.functionCallWithValue(data, value));
    }

    function look(address target, bytes calldata data) external view returns (bytes memory) {
        return target.functionStaticCall(data);
    }

    function send(address payable target, uint256 value) external payable {
        Address.sendValue(target, value);
    }
}

/// Pays out, guarded against coming back.
contract Purse is ReentrancyGuard {
    mapping(address => uint256) public held;

    function put() external payable { held[msg.sender] += msg.value; }

    function take() external nonReentrant {
        uint256 value = held[msg.sender];
        Address.sendValue(payable(msg.sender), value);
        held[msg.sender] = 0;
    }

    function takeUnguarded() external {
        uint256 value = held[msg.sender];
        Address.sendValue(payable(msg.sender), value);
        held[msg.sender] = 0;
    }
}

/// The same with a guard in transient storage.
contract TransientPurse is ReentrancyGuardTransient {
    mapping(address => uint256) public held;

    function put() external payable { held[msg.sender] += msg.value; }

    function take() external nonReentrant {
        uint256 value = held[msg.sender];
        Address.sendValue(payable(msg.sender), value);
        held[msg.sender] = 0;
    }
}

/// Comes back while it is paid.
contract Thief {
    address private immutable PURSE;
    bytes4 private _method;
    uint256 public rounds;

    constructor(address purse) payable {
        PURSE = purse;
    }

    function steal(bytes4 method, uint256 times) external {
        (_method, rounds) = (method, times);
        Address.functionCallWithValue(PURSE, abi.encodeWithSignature("put()"), address(this).balance);
        Address.functionCall(PURSE, abi.encodeWithSelector(method));
    }

    receive() external payable {
        if (rounds == 0 || msg.sender != PURSE) return;
        rounds -= 1;
        Address.functionCall(PURSE, abi.encodeWithSelector(_method));
    }
}

/// What the block says of itself.
contract Surroundings {
    event Seen(uint256 number, uint256 timestamp, address coinbase, uint256 prevrandao, uint256 basefee, uint256 gaslimit, uint256 chainid);

    function see() external {
        emit Seen(block.number, block.timestamp, block.coinbase, block.prevrandao, block.basefee, block.gaslimit, block.chainid);
    }

    function now_() external view returns (uint256 number, uint256 timestamp) { return (block.number, block.timestamp); }
    function hashOf(uint256 number) external view returns (bytes32 seen, bytes32 kept) {
        return (blockhash(number), Blockhash.blockHash(number));
    }
    function parent() external view returns (bytes32) { return blockhash(block.number - 1); }
    function notBefore(uint256 timestamp, uint256 number) external view returns (uint256) {
        require(block.timestamp >= timestamp && block.number >= number, "too early");
        return block.timestamp;
    }

    event Passed(uint256 timestamp, uint256 number);

    function pass(uint256 timestamp, uint256 number) external {
        require(block.timestamp >= timestamp && block.number >= number, "too early");
        emit Passed(block.timestamp, block.number);
    }
}
