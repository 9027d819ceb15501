// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IDirectory} from "./Interfaces.sol";
import {BadLength, NotAllowed, BadParameter} from "./Errors.sol";

/// @title Names to addresses, written by the DAO alone
/// @notice Rounds can be succeeded; its successor is entered here. A predecessor stays listed, so
/// that running rounds still end, until the DAO strikes it off.
contract Directory is IDirectory {
    /// The DAO's timelock.
    address public immutable timelock;

    mapping(bytes32 name => address) private _current;
    mapping(bytes32 name => mapping(address => bool)) private _listed;
    bytes32[] private _names;

    /// `name` now points at `addr`.
    event NameSet(bytes32 indexed name, address indexed addr, address previous);
    /// `addr` may no longer act as `name`.
    event NameStruck(bytes32 indexed name, address indexed addr);

    modifier onlyGovernance() {
        if (msg.sender != timelock) revert NotAllowed(msg.sender);
        _;
    }

    /// @param names left-aligned ASCII, same order as `addrs`
    constructor(address timelock_, bytes32[] memory names, address[] memory addrs) {
        if (names.length != addrs.length) revert BadLength(addrs.length);
        timelock = timelock_;
        for (uint256 i = 0; i < names.length; i++) _set(names[i], addrs[i]);
    }

    /// Points `name` at `addr`. The former address stays listed.
    function set(bytes32 name, address addr) external onlyGovernance {
        _set(name, addr);
    }

    /// Takes from `addr` what it may do under `name`. The current address is replaced first.
    function strike(bytes32 name, address addr) external onlyGovernance {
        if (!_listed[name][addr] || _current[name] == addr) revert BadParameter("addr");
        delete _listed[name][addr];
        emit NameStruck(name, addr);
    }

    /// The address of `name`, zero if there is none.
    function get(bytes32 name) external view returns (address) {
        return _current[name];
    }

    /// Whether `addr` is, or was and still may act as, `name`.
    function isListed(bytes32 name, address addr) external view returns (bool) {
        return _listed[name][addr];
    }

    /// All names ever set.
    function allNames() external view returns (bytes32[] memory) {
        return _names;
    }

    function _set(bytes32 name, address addr) private {
        if (addr == address(0)) revert BadParameter("addr");
        address previous = _current[name];
        if (previous == address(0)) _names.push(name);
        _current[name] = addr;
        _listed[name][addr] = true;
        emit NameSet(name, addr, previous);
    }
}
