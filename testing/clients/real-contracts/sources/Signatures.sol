// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// OpenZeppelin's libraries of proofs and signatures, callable from outside.
contract Proofs {
    function included(bytes32[] calldata proof, bytes32 root, bytes32 leaf) external pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }

    function includedAll(bytes32[] calldata proof, bool[] calldata flags, bytes32 root, bytes32[] calldata leaves)
        external pure returns (bool)
    {
        return MerkleProof.multiProofVerifyCalldata(proof, flags, root, leaves);
    }

    function signed(address signer, bytes32 hash, bytes calldata signature) external view returns (bool) {
        return SignatureChecker.isValidSignatureNow(signer, hash, signature);
    }

    function recovered(bytes32 hash, bytes calldata signature) external pure returns (address) {
        return ECDSA.recover(hash, signature);
    }

    function messageHash(bytes calldata message) external pure returns (bytes32) {
        return MessageHashUtils.toEthSignedMessageHash(message);
    }

    function typedHash(bytes32 domain, bytes32 data) external pure returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domain, data);
    }

    /// RIP-7212's precompile where there is one, else Solidity.
    function p256(bytes32 hash, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool) {
        return P256.verify(hash, r, s, x, y);
    }

    function p256Native(bytes32 hash, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool) {
        return P256.verifyNative(hash, r, s, x, y);
    }

    function p256Key(bytes32 hash, uint8 v, bytes32 r, bytes32 s) external view returns (bytes32, bytes32) {
        return P256.recovery(hash, v, r, s);
    }
}

/// A contract that signs what its owner signs (ERC-1271).
contract Signatory is IERC1271 {
    address private immutable owner = msg.sender;

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address by,,) = ECDSA.tryRecover(hash, signature);
        return by == owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// Believes an ERC-2771 forwarder about who calls.
contract Guestbook is ERC2771Context {
    event Signed(address indexed who, string text);

    error EmptyText();

    constructor(address forwarder) ERC2771Context(forwarder) {}

    function sign(string calldata text) external payable {
        if (bytes(text).length == 0) revert EmptyText();
        emit Signed(_msgSender(), text);
    }
}
