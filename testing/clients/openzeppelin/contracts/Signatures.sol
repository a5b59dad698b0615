// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Account} from "@openzeppelin/contracts/account/Account.sol";
import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ERC7739} from "@openzeppelin/contracts/utils/cryptography/signers/draft-ERC7739.sol";
import {ERC7821} from "@openzeppelin/contracts/account/extensions/draft-ERC7821.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {SignerEIP7702} from "@openzeppelin/contracts/utils/cryptography/signers/SignerEIP7702.sol";

/// Takes signatures apart.
contract Verifier is EIP712 {
    bytes32 private constant LINE = keccak256("Line(string item,uint128 count,int64 change)");
    bytes32 private constant ORDER =
        keccak256("Order(address buyer,Line[] lines,uint8[3] marks,bytes note,bytes8 code,bool urgent)Line(string item,uint128 count,int64 change)");

    struct Line { string item; uint128 count; int64 change; }
    struct Order { address buyer; Line[] lines; uint8[3] marks; bytes note; bytes8 code; bool urgent; }

    constructor() EIP712("Verifier", "2") {}

    function ofMessage(bytes calldata message, bytes calldata signature) external pure returns (address) {
        return ECDSA.recover(MessageHashUtils.toEthSignedMessageHash(message), signature);
    }

    function ofOrder(Order calldata order, bytes calldata signature) external view returns (address) {
        bytes32[] memory lines = new bytes32[](order.lines.length);
        for (uint256 index = 0; index < lines.length; ++index) {
            Line calldata line = order.lines[index];
            lines[index] = keccak256(abi.encode(LINE, keccak256(bytes(line.item)), line.count, line.change));
        }
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(
            ORDER, order.buyer, keccak256(abi.encodePacked(lines)),
            keccak256(abi.encode(order.marks[0], order.marks[1], order.marks[2])),
            keccak256(order.note), order.code, order.urgent
        )));
        return ECDSA.recover(digest, signature);
    }

    function isValidNow(address signer, bytes32 hash, bytes calldata signature) external view returns (bool) {
        return SignatureChecker.isValidSignatureNow(signer, hash, signature);
    }

    function p256(bytes32 hash, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool native_, bool solidity_) {
        return (P256.verifyNative(hash, r, s, x, y), P256.verifySolidity(hash, r, s, x, y));
    }
}

/// Acts for whoever a forwarder vouches for.
contract Forwarded is ERC2771Context {
    event Acted(address sender, uint256 number, uint256 value);

    constructor(address forwarder) ERC2771Context(forwarder) {}

    function act(uint256 number) external payable {
        emit Acted(_msgSender(), number, msg.value);
    }

    function fails() external pure {
        revert("forwarded: fails");
    }
}

/// Code for accounts with a key.
contract Delegate is Account, EIP712, ERC7739, SignerEIP7702, ERC7821 {
    constructor() EIP712("Delegate", "1") {}

    function _erc7821AuthorizedExecutor(address caller, bytes32 mode, bytes calldata data)
        internal
        view
        override
        returns (bool)
    {
        return caller == address(this) || super._erc7821AuthorizedExecutor(caller, mode, data);
    }
}
