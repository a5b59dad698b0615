// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Supply} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Supply.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Enumerable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import {ERC721Royalty} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Royalty.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";

/// Single things that can be listed.
contract Things is ERC721, ERC721Enumerable, ERC721Royalty {
    constructor() ERC721("Things", "THG") {}

    function mint(address to, uint256 id) external {
        _mint(to, id);
    }

    function safeMint(address to, uint256 id, bytes calldata data) external {
        _safeMint(to, id, data);
    }

    function burn(uint256 id) external {
        _burn(id);
    }

    function setRoyalty(address receiver, uint96 fee) external {
        _setDefaultRoyalty(receiver, fee);
    }

    function _update(address to, uint256 id, address auth) internal override(ERC721, ERC721Enumerable) returns (address) {
        return super._update(to, id, auth);
    }

    function _increaseBalance(address account, uint128 value) internal override(ERC721, ERC721Enumerable) {
        super._increaseBalance(account, value);
    }

    function supportsInterface(bytes4 id) public view override(ERC721, ERC721Enumerable, ERC721Royalty) returns (bool) {
        return super.supportsInterface(id);
    }
}

/// Many of many kinds.
contract Stock is ERC1155, ERC1155Supply {
    constructor(string memory uri) ERC1155(uri) {}

    function mint(address to, uint256 id, uint256 value, bytes calldata data) external {
        _mint(to, id, value, data);
    }

    function mintBatch(address to, uint256[] calldata ids, uint256[] calldata values) external {
        _mintBatch(to, ids, values, "");
    }

    function burn(address from, uint256 id, uint256 value) external {
        _burn(from, id, value);
    }

    function _update(address from, address to, uint256[] memory ids, uint256[] memory values)
        internal
        override(ERC1155, ERC1155Supply)
    {
        super._update(from, to, ids, values);
    }
}

/// Answers a transfer as it was told to.
contract Receiver is IERC721Receiver, ERC1155Holder {
    enum Answer { Accept, Wrong, Reason, CustomError, Nothing, Panic }

    Answer private immutable ANSWER;

    error Refused(address operator, uint256 id);

    event Received(address operator, address from, uint256 id, bytes data);

    constructor(Answer answer) {
        ANSWER = answer;
    }

    function onERC721Received(address operator, address from, uint256 id, bytes calldata data) external returns (bytes4) {
        if (ANSWER == Answer.Reason) revert("not today");
        if (ANSWER == Answer.CustomError) revert Refused(operator, id);
        // solhint-disable-next-line reason-string
        if (ANSWER == Answer.Nothing) revert();
        if (ANSWER == Answer.Panic) id / (data.length - data.length);
        emit Received(operator, from, id, data);
        return ANSWER == Answer.Wrong ? bytes4(0) : this.onERC721Received.selector;
    }
}
