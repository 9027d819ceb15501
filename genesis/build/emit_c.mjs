// SPDX-License-Identifier: Apache-2.0
// Writes chain/fed/contracts.{h,c}: what C must know of the contracts, taken from their ABIs.

const upper = (name) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2').toUpperCase();

function typeOf(input) {
  if (!input.type.startsWith('tuple')) return input.type;
  return '(' + input.components.map(typeOf).join(',') + ')' + input.type.slice(5);
}

function declOf(input) {
  const indexed = input.indexed ? ' indexed' : '';
  const name = input.name ? ' ' + input.name : '';
  if (!input.type.startsWith('tuple')) return input.type + indexed + name;
  return '(' + input.components.map(declOf).join(', ') + ')' + input.type.slice(5) + indexed + name;
}

/** All functions, events and errors of the contracts, those with one signature and kind only once. */
function itemsOf(artifacts, keccak256) {
  const items = [];
  const seen = new Map();
  for (const { contractName, abi } of artifacts) {
    if (contractName === 'RoundsExtension') continue; // called at the address of Rounds, whose ABI has it
    const sorted = abi.filter((e) => ['function', 'event', 'error'].includes(e.type));
    for (const e of sorted) {
      const signature = `${e.name}(${e.inputs.map(typeOf).join(',')})`;
      let decl = `${e.name}(${e.inputs.map(declOf).join(', ')})`;
      if (e.type === 'function' && e.outputs.length !== 0) decl += ` returns (${e.outputs.map(declOf).join(', ')})`;
      const hash = keccak256(signature);
      // An error means the same wherever it is raised; an event or a function belongs to its contract.
      const key = e.type === 'error' ? `error ${signature}` : `${contractName} ${e.type} ${signature}`;
      if (seen.has(key)) continue;
      const kind = { function: 'FUNCTION', event: 'EVENT', error: 'ERROR' }[e.type];
      const tag = { function: 'SEL', event: 'TOPIC', error: 'ERR' }[e.type];
      let constant = e.type === 'error' ? `FED_ERR_${upper(e.name)}` : `FED_${tag}_${upper(contractName)}_${upper(e.name)}`;
      while ([...seen.values()].includes(constant)) constant += '_' + e.inputs.length;
      seen.set(key, constant);
      items.push({ contractName, kind, name: e.name, signature, decl, hash, constant });
    }
  }
  return items;
}

const bytes = (hex) => hex.replace(/^0x/, '').match(/../g).map((b) => '0x' + b).join(', ');

export function cHeader(deploy, artifacts, keccak256) {
  const items = itemsOf(artifacts, keccak256);
  const of = (kind) => items.filter((i) => i.kind === kind);
  const out = [];
  out.push(`// SPDX-License-Identifier: Apache-2.0
// Made by genesis/build/build.mjs from the contracts' ABIs: change those, then run "make contracts".
#pragma once

/// The system contracts: where genesis puts them, and the selectors of their functions and errors
/// and the topics of their events.

#include "chain/base/bytes.h"

// clang-format off

/// The system contracts in the order in which they are deployed.
enum fed_contract {`);
  deploy.steps.forEach((s, i) => out.push(`    FED_${upper(s.contract)}${i === 0 ? ' = 0' : ''},`));
  out.push(`    FED_CONTRACTS ///< how many there are
};

/// Address of each contract.
extern const address_t fed_contract_address[FED_CONTRACTS];

/// Name of each contract, as in genesis/artifacts and in the Directory.
extern const char *const fed_contract_name[FED_CONTRACTS];

/// The account that deploys them; nobody has its key.
extern const address_t fed_deployer_address;

/// Delegate of all tokens that must not count as votes; nobody's account.
extern const address_t fed_sentinel_address;

/// Selectors of functions: the first four bytes of call data as a big-endian number.`);
  for (const i of of('FUNCTION')) out.push(`#define ${i.constant} UINT32_C(0x${i.hash.slice(0, 8)}) ///< ${i.signature}`);
  out.push(`
/// Selectors of custom errors, in the same form.`);
  for (const i of of('ERROR')) out.push(`#define ${i.constant} UINT32_C(0x${i.hash.slice(0, 8)}) ///< ${i.signature}`);
  out.push(`
/// First topics of events, as indices into fed_event_topic.
enum fed_event {`);
  for (const i of of('EVENT')) out.push(`    ${i.constant}, ///< ${i.decl}`);
  out.push(`    FED_EVENTS ///< how many there are
};

/// First topic of each event.
extern const hash_t fed_event_topic[FED_EVENTS];

/// What an entry of fed_items describes.
enum fed_item_kind { FED_ITEM_FUNCTION = 0, FED_ITEM_EVENT, FED_ITEM_ERROR };

/// One function, event or error. Errors that several contracts raise are listed once.
struct fed_item {
    enum fed_item_kind kind;
    enum fed_contract contract;
    uint32_t selector;     ///< first four bytes of the signature's hash, also for events
    enum fed_event event;  ///< index of the topic; FED_EVENTS unless this is an event
    const char *name;      ///< "commit"
    const char *signature; ///< "commit(uint256,bytes32)"
    const char *decl;      ///< with the names of arguments and results, for people and decoders
};

/// All of them, by contract.
extern const struct fed_item fed_items[];

/// Number of entries in fed_items.
extern const size_t fed_item_count;

// clang-format on
`);
  return out.join('\n');
}

export function cSource(deploy, artifacts, keccak256) {
  const items = itemsOf(artifacts, keccak256);
  const out = [];
  out.push(`// SPDX-License-Identifier: Apache-2.0
// Made by genesis/build/build.mjs from the contracts' ABIs: change those, then run "make contracts".
#include "chain/fed/contracts.h"

// clang-format off

const address_t fed_contract_address[FED_CONTRACTS] = {`);
  for (const s of deploy.steps) out.push(`    [FED_${upper(s.contract)}] = {{${bytes(s.address)}}},`);
  out.push(`};

const char *const fed_contract_name[FED_CONTRACTS] = {`);
  for (const s of deploy.steps) out.push(`    [FED_${upper(s.contract)}] = "${s.contract}",`);
  out.push(`};

const address_t fed_deployer_address = {{${bytes(deploy.deployer)}}};

const address_t fed_sentinel_address = {{${bytes(deploy.sentinel)}}};

const hash_t fed_event_topic[FED_EVENTS] = {`);
  for (const i of items.filter((e) => e.kind === 'EVENT')) out.push(`    [${i.constant}] = {{${bytes(i.hash)}}},`);
  out.push(`};

const struct fed_item fed_items[] = {`);
  for (const i of items) {
    const event = i.kind === 'EVENT' ? i.constant : 'FED_EVENTS';
    out.push(`    {FED_ITEM_${i.kind}, FED_${upper(i.contractName)}, UINT32_C(0x${i.hash.slice(0, 8)}), ${event},
     "${i.name}", "${i.signature}",
     "${i.decl}"},`);
  }
  out.push(`};

const size_t fed_item_count = sizeof fed_items / sizeof fed_items[0];

// clang-format on
`);
  return out.join('\n');
}
