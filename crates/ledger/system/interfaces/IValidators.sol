// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// The validators and observers of a ledger, at 0x4845514900000000000000000000000000000001.
/// A key is an Ed25519 public key (RFC 8032). The set is fixed within an epoch; a change acts from
/// the first block of the next epoch on.
interface IValidators {
    /// The account may not do this; `admin` may.
    error NotAdmin(address caller, address admin);
    /// Only the ledger itself may do this.
    error NotSystem(address caller);
    /// A set needs 1 to `maximum` keys.
    error InvalidCount(uint256 count, uint256 maximum);
    /// The key stands in the list twice.
    error DuplicateKey(bytes32 key);
    /// The all-zero key is no validator.
    error ZeroKey();
    /// Consensus cannot use the key: it is no point of the curve, not canonically encoded, or of
    /// small order.
    error InvalidKey(bytes32 key);

    /// An observer's name needs 1 to `maximum` bytes.
    error InvalidName(uint256 bytes_, uint256 maximum);
    /// An observer needs an IP address and a port that are not zero.
    error InvalidAddress();
    /// There are `maximum` observers already.
    error TooManyObservers(uint256 maximum);
    /// The key is none of an observer.
    error UnknownObserver(bytes32 key);

    /// A node that follows and serves without voting. `ip` is an IPv6 address, or an IPv4 address
    /// mapped into one (::ffff:0:0/96): the one that its connections come from.
    struct Observer {
        bytes32 key;
        string name;
        bytes16 ip;
        uint16 port;
    }

    /// The admin chose the set that acts from `fromEpoch` on.
    event NextValidatorsSet(uint64 indexed fromEpoch, bytes32[] keys);

    /// The admin added an observer, or changed its name or address.
    event ObserverSet(bytes32 indexed key, string name, bytes16 ip, uint16 port);

    /// The admin removed an observer.
    event ObserverRemoved(bytes32 indexed key);

    /// Keys of the current epoch, ascending.
    function getValidators() external view returns (bytes32[] memory keys);

    /// Keys of the next epoch as they stand now, ascending.
    function getNextValidators() external view returns (bytes32[] memory keys);

    /// Epoch of the block being executed.
    function currentEpoch() external view returns (uint64 epoch);

    /// Blocks in an epoch.
    function epochLength() external view returns (uint64 blocks);

    /// Number of validators in the current epoch.
    function validatorCount() external view returns (uint256 count);

    /// Whether a key is a validator in the current epoch.
    function isValidator(bytes32 key) external view returns (bool);

    /// Name of the organisation that runs a validator or observer; empty where none is known.
    function organisationOf(bytes32 key) external view returns (string memory name);

    /// Account that may set the next validators and the observers.
    function admin() external view returns (address account);

    /// Chooses the keys of the next epoch. A later call in the same epoch replaces the choice.
    function setNextValidators(bytes32[] calldata keys) external;

    /// All observers, in the order in which they were added.
    function getObservers() external view returns (Observer[] memory observers);

    /// Adds an observer, or changes the name and address of one. Every node accepts its
    /// connections, and its peers know the address if it becomes a validator, as soon as the block
    /// is final.
    function setObserver(bytes32 key, string calldata name, bytes16 ip, uint16 port) external;

    /// Removes an observer; its connections end as soon as the block is final.
    function removeObserver(bytes32 key) external;
}

/// What the ledger itself calls, from 0xfffffffffffffffffffffffffffffffffffffffe.
interface IValidatorsSystem {
    /// Once, in block 1.
    function initialize(
        bytes32[] calldata keys,
        string[] calldata organisations,
        address admin,
        uint64 epochLength
    ) external;

    /// At the end of the last block of each epoch: the next validators become the current ones.
    function advanceEpoch() external;
}
