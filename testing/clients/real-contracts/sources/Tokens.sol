// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Enumerable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import {ERC721Holder} from "@openzeppelin/contracts/token/ERC721/utils/ERC721Holder.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// ERC-20 with ERC-2612.
contract Coin is ERC20, ERC20Permit {
    constructor(string memory name, string memory symbol, uint256 supply) ERC20(name, symbol) ERC20Permit(name) {
        _mint(msg.sender, supply);
    }
}

/// ERC-20 with votes that are counted by block number (ERC-6372).
contract Shares is ERC20, ERC20Permit, ERC20Votes {
    constructor(uint256 supply) ERC20("Shares", "SHR") ERC20Permit("Shares") {
        _mint(msg.sender, supply);
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}

/// The same with votes counted by time.
contract TimedShares is Shares {
    constructor(uint256 supply) Shares(supply) {}

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }
}

/// ERC-721 that can be enumerated.
contract Collectible is ERC721, ERC721Enumerable, Ownable {
    constructor() ERC721("Collectible", "CLB") Ownable(msg.sender) {}

    function mint(address to, uint256 id) external onlyOwner {
        _safeMint(to, id);
    }

    function supportsInterface(bytes4 id) public view override(ERC721, ERC721Enumerable) returns (bool) {
        return super.supportsInterface(id);
    }

    function _update(address to, uint256 id, address by)
        internal override(ERC721, ERC721Enumerable) returns (address)
    {
        return super._update(to, id, by);
    }

    function _increaseBalance(address account, uint128 by) internal override(ERC721, ERC721Enumerable) {
        super._increaseBalance(account, by);
    }
}

/// ERC-1155.
contract Items is ERC1155, Ownable {
    constructor() ERC1155("ipfs://items/{id}.json") Ownable(msg.sender) {}

    function mintBatch(address to, uint256[] calldata ids, uint256[] calldata amounts) external onlyOwner {
        _mintBatch(to, ids, amounts, "");
    }
}

/// Takes tokens of both kinds.
contract Holder is ERC721Holder, ERC1155Holder {}

/// ERC-4626 over an ERC-20.
contract Vault is ERC4626 {
    constructor(IERC20 asset) ERC20("Vault", "VLT") ERC4626(asset) {}
}
