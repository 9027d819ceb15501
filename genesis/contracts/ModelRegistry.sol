// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IDirectory, IModelRegistry} from "./Interfaces.sol";
import {AlreadyDone, BadLength, BadParameter, NotAllowed, Tainted, Unknown, WrongState} from "./Errors.sol";
import {FamilyParams, Kind, VersionState} from "./Types.sol";

/// @title Families of models and the graph of their versions
/// @notice A version never changes and never goes away; what changes is where a channel points and
/// what people say about a version (approved, retired, revoked). Parents exist before their
/// children, so the graph has no cycle.
contract ModelRegistry is IModelRegistry {
    /// Most parents of a version.
    uint256 public constant MAX_PARENTS = 8;
    /// Upper bound of a family's cap on weights.
    uint16 public constant MAX_WEIGHT = 64;
    /// Upper bound of a slash in basis points: of a participant's bond, for not revealing.
    uint16 public constant MAX_SLASH_NO_REVEAL = 2_000;
    /// Of an aggregator's bond, for a window it let pass.
    uint16 public constant MAX_SLASH_AGG_LATE = 1_000;
    bytes32 private constant ROUNDS = "Rounds";
    /// Kind of subject in `Revoked`.
    uint8 private constant REVOKED_VERSION = 0;

    /// What is stored of a version.
    struct Version {
        bytes32 family;
        bytes32 fileSha256;
        bytes32 modelRoot;
        bytes32 cardHash;
        uint256 roundId; // zero unless a round made it
        bytes32[] parents;
        address registeredBy;
        uint64 size;
        uint8 kind;
        uint8 state; // VersionState without Deployed
        bool revoked;
        uint48 createdAt;
        uint32 number; // within its family, from 0
        uint32 channels; // how many point here
    }

    /// Where the contracts are listed that may register a round's result.
    IDirectory public immutable directory;
    /// The DAO's timelock.
    address public immutable timelock;

    /// Policies among which family owners choose.
    mapping(address policy => bool) public policyAllowed;
    /// Families that an account has created; part of the next family's identifier.
    mapping(address owner => uint256) public familyNonce;
    /// Who owns a family; zero if there is none.
    mapping(bytes32 family => address) public familyOwner;
    /// Versions of a family.
    mapping(bytes32 family => uint32) public versionCount;
    /// The version that a channel of a family points at.
    mapping(bytes32 family => mapping(bytes32 channel => bytes32)) public deployed;

    mapping(bytes32 family => FamilyParams) private _params;
    mapping(bytes32 version => Version) private _versions;

    /// `owner` created `family`.
    event FamilyCreated(bytes32 indexed family, address indexed owner);
    /// Parameters were set; rounds that are opened from now on use them.
    event FamilyParamsSet(bytes32 indexed family, address indexed policy, uint8 f, address by);
    /// `family` has a new owner.
    event FamilyTransferred(bytes32 indexed family, address indexed from, address indexed to);
    /// Family owners may, or may no longer, choose `policy`.
    event PolicyAllowed(address indexed policy, bool on);
    /// A version exists; `roundId` is zero unless a round made it.
    event VersionRegistered(
        bytes32 indexed version,
        bytes32 indexed family,
        uint256 indexed roundId,
        uint8 kind,
        bytes32 fileSha256,
        bytes32 modelRoot
    );
    /// `child` was made from `parent`; one event for each parent.
    event LineageEdge(bytes32 indexed parent, bytes32 indexed child);
    /// `by` moved a version to another VersionState.
    event VersionStatus(bytes32 indexed version, uint8 status, address by);
    /// `channel` points at `version` now, zero for nothing.
    event Deployed(bytes32 indexed family, bytes32 indexed channel, bytes32 indexed version, bytes32 previous);
    /// `subject` (kind 0: a version) was declared unfit.
    event Revoked(bytes32 indexed subject, uint8 kind, bytes32 reasonHash);

    modifier onlyFamilyOwnerOrGovernance(bytes32 family) {
        _onlyFamilyOwnerOrGovernance(family);
        _;
    }

    constructor(IDirectory directory_, address timelock_, address[] memory policies) {
        directory = directory_;
        timelock = timelock_;
        for (uint256 i = 0; i < policies.length; i++) _allowPolicy(policies[i], true);
    }

    /// Lets family owners use `policy`, or forbids it for rounds opened later. Only governance.
    function allowPolicy(address policy, bool on) external {
        if (msg.sender != timelock) revert NotAllowed(msg.sender);
        _allowPolicy(policy, on);
    }

    /// Creates a family that the caller owns.
    /// @return family keccak256(abi.encode(chainid, registry, owner, nonce))
    function createFamily(FamilyParams calldata p) external returns (bytes32 family) {
        family = keccak256(abi.encode(block.chainid, address(this), msg.sender, familyNonce[msg.sender]++));
        if (p.paramCount == 0 || p.paramCount > 1 << 27) revert BadParameter("paramCount");
        if (p.quantScale > 30) revert BadParameter("quantScale");
        familyOwner[family] = msg.sender;
        emit FamilyCreated(family, msg.sender);
        _setParams(family, p);
    }

    /// Replaces a family's parameters for rounds that are opened later. Name, task, size and scale
    /// stay what they are.
    function setFamilyParams(bytes32 family, FamilyParams calldata p) external onlyFamilyOwnerOrGovernance(family) {
        FamilyParams storage old = _params[family];
        if (p.nameHash != old.nameHash) revert BadParameter("nameHash");
        if (p.taskSpecHash != old.taskSpecHash) revert BadParameter("taskSpecHash");
        if (p.paramCount != old.paramCount) revert BadParameter("paramCount");
        if (p.quantScale != old.quantScale) revert BadParameter("quantScale");
        _setParams(family, p);
    }

    /// Hands a family to `to`, for instance to the timelock.
    function transferFamily(bytes32 family, address to) external onlyFamilyOwnerOrGovernance(family) {
        if (to == address(0)) revert BadParameter("to");
        emit FamilyTransferred(family, familyOwner[family], to);
        familyOwner[family] = to;
    }

    /// Registers a version that no round made.
    /// @param kind any of Kind but RoundAggregate; Genesis has no parents, Import may have none
    function registerVersion(
        bytes32 family,
        uint8 kind,
        bytes32[] calldata parents,
        bytes32 fileSha256,
        bytes32 modelRoot,
        uint64 size,
        bytes32 cardHash
    ) external onlyFamilyOwnerOrGovernance(family) returns (bytes32) {
        if (kind > uint8(Kind.Import) || kind == uint8(Kind.RoundAggregate)) revert BadParameter("kind");
        if (parents.length > MAX_PARENTS) revert BadLength(parents.length);
        if (kind == uint8(Kind.Genesis) ? parents.length != 0 : parents.length == 0 && kind != uint8(Kind.Import)) {
            revert BadLength(parents.length);
        }
        Version memory v;
        v.family = family;
        v.kind = kind;
        v.parents = parents;
        v.fileSha256 = fileSha256;
        v.modelRoot = modelRoot;
        v.size = size;
        v.cardHash = cardHash;
        return _register(v);
    }

    /// Registers what a round made from `baseVersion`. Only Rounds.
    function registerFromRound(
        uint256 roundId,
        bytes32 family,
        bytes32 baseVersion,
        bytes32 fileSha256,
        bytes32 modelRoot,
        uint64 size,
        bytes32 cardHash
    ) external returns (bytes32) {
        if (!directory.isListed(ROUNDS, msg.sender)) revert NotAllowed(msg.sender);
        if (familyOwner[family] == address(0)) revert Unknown(family);
        Version memory v;
        v.family = family;
        v.kind = uint8(Kind.RoundAggregate);
        v.parents = new bytes32[](1);
        v.parents[0] = baseVersion;
        v.fileSha256 = fileSha256;
        v.modelRoot = modelRoot;
        v.size = size;
        v.cardHash = cardHash;
        v.roundId = roundId;
        return _register(v);
    }

    /// Candidate -> Approved.
    function approve(bytes32 version) external {
        Version storage v = _owned(version);
        if (v.revoked) revert Tainted(version);
        _expect(version, v.state, VersionState.Candidate);
        v.state = uint8(VersionState.Approved);
        emit VersionStatus(version, uint8(VersionState.Approved), msg.sender);
    }

    /// Points `channel` at an approved version; zero takes the channel's pointer away. Going back
    /// to an earlier version is the same call.
    function deploy(bytes32 family, bytes32 channel, bytes32 version) external onlyFamilyOwnerOrGovernance(family) {
        bytes32 previous = deployed[family][channel];
        if (previous == version) revert AlreadyDone();
        if (previous != 0) {
            Version storage p = _versions[previous];
            if (--p.channels == 0) emit VersionStatus(previous, p.state, msg.sender);
        }
        deployed[family][channel] = version;
        emit Deployed(family, channel, version, previous);
        if (version != 0) {
            Version storage v = _versions[version];
            if (v.family != family) revert Unknown(version);
            if (v.revoked) revert Tainted(version);
            _expect(version, v.state, VersionState.Approved);
            if (v.channels++ == 0) emit VersionStatus(version, uint8(VersionState.Deployed), msg.sender);
        }
    }

    /// Ends the life of a version that no channel points at.
    function retire(bytes32 version) external {
        Version storage v = _owned(version);
        if (v.channels != 0) {
            revert WrongState(uint256(version), uint8(VersionState.Deployed), uint8(VersionState.Approved));
        }
        if (v.state == uint8(VersionState.Retired)) revert AlreadyDone();
        v.state = uint8(VersionState.Retired);
        emit VersionStatus(version, uint8(VersionState.Retired), msg.sender);
    }

    /// Declares a version unfit (poisoned data, withdrawn consent, licence). Nothing is deleted; no
    /// round starts from it, no channel is pointed at it, and views report its descendants.
    function revoke(bytes32 version, bytes32 reasonHash) external {
        Version storage v = _owned(version);
        if (v.revoked) revert AlreadyDone();
        v.revoked = true;
        emit Revoked(version, REVOKED_VERSION, reasonHash);
    }

    /// Parameters of a family.
    function familyParams(bytes32 family) external view returns (FamilyParams memory) {
        if (familyOwner[family] == address(0)) revert Unknown(family);
        return _params[family];
    }

    /// All that is stored of a version. `state` is without Deployed, see versionInfo.
    function getVersion(bytes32 version) external view returns (Version memory) {
        if (_versions[version].state == 0) revert Unknown(version);
        return _versions[version];
    }

    /// Family, state (with Deployed) and revocation of a version; all zero if there is none.
    function versionInfo(bytes32 version) external view returns (bytes32 family, VersionState state, bool revoked) {
        Version storage v = _versions[version];
        return (v.family, v.channels != 0 ? VersionState.Deployed : VersionState(v.state), v.revoked);
    }

    /// Identifier of a version: keccak256(abi.encode(family, kind, parents, fileSha256, modelRoot, roundId)).
    function versionIdOf(
        bytes32 family,
        uint8 kind,
        bytes32[] memory parents,
        bytes32 fileSha256,
        bytes32 modelRoot,
        uint256 roundId
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(family, kind, parents, fileSha256, modelRoot, roundId));
    }

    function _register(Version memory v) private returns (bytes32 id) {
        id = versionIdOf(v.family, v.kind, v.parents, v.fileSha256, v.modelRoot, v.roundId);
        if (_versions[id].state != 0) revert AlreadyDone();
        v.registeredBy = msg.sender;
        v.state = uint8(VersionState.Candidate);
        v.createdAt = uint48(block.timestamp);
        v.number = versionCount[v.family]++;
        _versions[id] = v;
        emit VersionRegistered(id, v.family, v.roundId, v.kind, v.fileSha256, v.modelRoot);
        for (uint256 i = 0; i < v.parents.length; i++) {
            if (_versions[v.parents[i]].state == 0 || v.parents[i] == id) revert Unknown(v.parents[i]);
            emit LineageEdge(v.parents[i], id);
        }
    }

    function _setParams(bytes32 family, FamilyParams calldata p) private {
        if (!policyAllowed[p.policy]) revert BadParameter("policy");
        if (p.f > 18) revert BadParameter("f");
        if (p.wMax == 0 || p.wMax > MAX_WEIGHT) revert BadParameter("wMax");
        if (p.clip == 0 || p.clip > 1 << 62) revert BadParameter("clip");
        if (p.lrNum == 0 || p.lrDen == 0) revert BadParameter("lr");
        if (p.slashBpsNoReveal > MAX_SLASH_NO_REVEAL) revert BadParameter("slashBpsNoReveal");
        if (p.slashBpsAggLate > MAX_SLASH_AGG_LATE) revert BadParameter("slashBpsAggLate");
        _params[family] = p;
        emit FamilyParamsSet(family, p.policy, p.f, msg.sender);
    }

    function _allowPolicy(address policy, bool on) private {
        policyAllowed[policy] = on;
        emit PolicyAllowed(policy, on);
    }

    function _owned(bytes32 version) private view returns (Version storage v) {
        v = _versions[version];
        if (v.state == 0) revert Unknown(version);
        _onlyFamilyOwnerOrGovernance(v.family);
    }

    function _onlyFamilyOwnerOrGovernance(bytes32 family) private view {
        address owner = familyOwner[family];
        if (owner == address(0)) revert Unknown(family);
        if (msg.sender != owner && msg.sender != timelock) revert NotAllowed(msg.sender);
    }

    function _expect(bytes32 version, uint8 have, VersionState want) private pure {
        if (have != uint8(want)) revert WrongState(uint256(version), have, uint8(want));
    }
}
