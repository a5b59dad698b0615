// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BlockHeader} from "@openzeppelin/contracts/utils/BlockHeader.sol";
import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";

/// Believes what the chain's own hashes prove.
contract Prover {
    struct Seen {
        bytes32 parentHash;
        address coinbase;
        bytes32 stateRoot;
        bytes32 transactionsRoot;
        bytes32 receiptsRoot;
        uint256 number;
        uint256 gasLimit;
        uint256 gasUsed;
        uint256 timestamp;
        bytes32 prevRandao;
        uint256 baseFee;
        bytes32 requestsHash;
    }

    function isHeader(bytes calldata header) external view returns (bool) {
        return BlockHeader.verifyBlockHeader(header);
    }

    function read(bytes memory header) external pure returns (Seen memory) {
        return Seen({
            parentHash: BlockHeader.getParentHash(header),
            coinbase: BlockHeader.getCoinbase(header),
            stateRoot: BlockHeader.getStateRoot(header),
            transactionsRoot: BlockHeader.getTransactionsRoot(header),
            receiptsRoot: BlockHeader.getReceiptsRoot(header),
            number: BlockHeader.getNumber(header),
            gasLimit: BlockHeader.getGasLimit(header),
            gasUsed: BlockHeader.getGasUsed(header),
            timestamp: BlockHeader.getTimestamp(header),
            prevRandao: BlockHeader.getPrevRandao(header),
            baseFee: BlockHeader.getBaseFeePerGas(header),
            requestsHash: BlockHeader.getRequestsHash(header)
        });
    }

    function isProved(bytes calldata value, bytes32 root, bytes32 key, bytes[] calldata proof) external pure returns (bool) {
        return TrieProof.verify(value, root, bytes.concat(key), proof);
    }
}
