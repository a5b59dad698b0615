// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Counter} from "@COUNTER@";

/// Calls a counter as somebody else.
contract Stranger {
    function set(Counter counter, uint256 next) external {
        counter.set(next);
    }
}

/// Runs with `@TEST@`; needs no library.
contract CounterTest {
    Counter private counter;

    function setUp() public {
        counter = new Counter(7);
    }

    function test_everybody_increments() public {
        counter.increment();
        require(counter.number() == 8, "not incremented");
    }

    function test_the_owner_sets() public {
        counter.set(100);
        require(counter.number() == 100, "not set");
    }

    function test_a_stranger_does_not_set() public {
        Stranger stranger = new Stranger();
        try stranger.set(counter, 1) {
            revert("a stranger has set the number");
        } catch (bytes memory reason) {
            bytes memory expected = abi.encodeWithSelector(Counter.NotOwner.selector, address(stranger));
            require(keccak256(reason) == keccak256(expected), "another error");
        }
        require(counter.number() == 7, "changed");
    }
}
