import type { Redis } from 'ioredis';
import type { NamedEpoch } from '../domain/authority.ts';
import type { BusinessCalendar } from '../domain/business-calendar.ts';
import type { StoredHold } from '../domain/hold-types.ts';
import { bucketEnd, placeOf, withoutMark } from '../domain/ids.ts';
import type { Account } from '../domain/types.ts';
import {
  type CachedAccount,
  decodeAccount,
  encodeAccount,
  encodeCalendar,
  encodeLimits,
} from '../journal/account-codec.ts';
import {
  type ApplyReply,
  CacheError,
  type CacheKeeper,
  type CacheServer,
  type Caller,
  type CallItem,
  type ChangeCommand,
  type FenceCaller,
  type FindReply,
  type KeeperCaller,
  type Ownership,
} from '../journal/cache-port.ts';
import { encodeHold } from '../journal/cached-hold-codec.ts';
import { decodeHead, decodeRecord, HEAD_BYTES, type Head, RecordStatus } from '../journal/codec.ts';
import type { JournalEntry } from '../journal/journal-entry.ts';
import { decodeEntry, packCall, type RawEntry, writtenBy } from './apply-call.ts';
import { holdsIn } from './hold-replies.ts';
import { epochPrefix, Keys, loadScript, runScript, type ScriptArgument } from './run-script.ts';
import type { ShardPrefix } from './shard-prefix.ts';

const scripts = {
  apply: loadScript('apply'),
  read: loadScript('read'),
  install: loadScript('install'),
  readHolds: loadScript('read-holds'),
  installHolds: loadScript('install-holds'),
  evictHolds: loadScript('evict-holds'),
  find: loadScript('find'),
  change: loadScript('change-account'),
  register: loadScript('register'),
  retire: loadScript('retire'),
  calendar: loadScript('calendar'),
  journal: loadScript('journal'),
  publish: loadScript('publish'),
  forget: loadScript('forget'),
  lowerHorizon: loadScript('lower-horizon'),
  fence: loadScript('fence'),
  activate: loadScript('activate'),
  claim: loadScript('claim'),
  ownership: loadScript('ownership'),
  takeOver: loadScript('take-over'),
  sweep: loadScript('sweep'),
};

/** A typed interface to the Lua scripts. It packs their arguments and unpacks their replies, but makes no decisions. */
export class RedisScripts implements CacheServer, CacheKeeper {
  readonly #redis: Redis;
  readonly #prefix: ShardPrefix;
  readonly #ledgerId: () => Promise<string>;
  #keys: Keys;

  /** @param ledgerId returns the identity of the ledger in MySQL; scripts for transfers and reads do not use it */
  constructor(redis: Redis, prefix: ShardPrefix, ledgerId: () => Promise<string>) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#ledgerId = ledgerId;
    this.#keys = new Keys(prefix, NO_EPOCH);
  }

  async register(caller: Caller, marker: string, stops = 0): Promise<Head> {
    const args = [...prologue(caller), await this.#ledgerId(), marker, stops];
    return decodeHead(await this.#call('register', ownedKeys(this.#keysOf(caller)), args));
  }

  async apply(caller: Caller, items: readonly CallItem[], podNow = Number.POSITIVE_INFINITY): Promise<ApplyReply> {
    const keys = this.#keysOf(caller);
    const call = packCall(items, keys, podNow);
    const reply = await this.#call(
      'apply',
      [keys.fence, keys.ledger, keys.accounts, keys.journal, keys.otherIds[0], keys.otherIds[1], ...call.moreKeys],
      [...prologue(caller), call.items, call.payloads.length, ...call.payloads, ...call.accountIds],
    );
    const head = decodeHead(reply);
    return { head, ...writtenBy(reply, items, call, head.time) };
  }

  async readHolds(caller: Caller, holdIds: readonly string[]) {
    return holdsIn(await this.#aboutHolds('readHolds', caller, holdIds), holdIds);
  }

  async installHolds(caller: Caller, holds: readonly StoredHold[], snapshotCursor: number) {
    const pairs = holds.flatMap((hold) => [hold.holdId, encodeHold(hold)]);
    const reply = await this.#aboutHolds('installHolds', caller, [snapshotCursor, ...pairs]);
    const { head, holds: installed } = holdsIn(
      reply,
      holds.map(({ holdId }) => holdId),
    );
    return { head, holds: installed.filter((hold) => hold !== null) };
  }

  #aboutHolds(name: 'readHolds' | 'installHolds', caller: Caller, args: readonly ScriptArgument[]): Promise<unknown> {
    const keys = this.#keysOf(caller);
    return this.#callRaw(name, [keys.fence, keys.ledger, keys.holds], [...prologue(caller), ...args]);
  }

  async evictHolds(caller: KeeperCaller, holdsMax: number) {
    const keys = this.#keysOf(caller);
    const args = [...(await this.#keeperPrologue(caller)), holdsMax];
    const reply = await this.#call('evictHolds', [...ownedKeys(keys), keys.holds], args);
    return {
      head: decodeHead(reply),
      evicted: reply.readDoubleLE(HEAD_BYTES),
      size: reply.readDoubleLE(HEAD_BYTES + 8),
    };
  }

  async read(caller: Caller, accountIds: readonly string[]) {
    const keys = this.#keysOf(caller);
    const reply = await this.#call(
      'read',
      [keys.fence, keys.ledger, keys.accounts],
      [...prologue(caller), ...accountIds],
    );
    return { head: decodeHead(reply), accounts: decodeAccounts(reply, HEAD_BYTES, accountIds) };
  }

  async install(
    caller: Caller,
    accounts: readonly Account[],
    snapshotCursor: number,
    accountsMax: number,
    acceptedUpTo = 0,
  ) {
    const keys = this.#keysOf(caller);
    const pairs: ScriptArgument[] = accounts.flatMap((account) => [account.accountId, encodeAccount(account)]);
    const reply = await this.#call(
      'install',
      [keys.fence, keys.ledger, keys.accounts],
      [...prologue(caller), snapshotCursor, accountsMax, acceptedUpTo, ...pairs],
    );
    const ids = accounts.map((account) => account.accountId);
    return {
      head: decodeHead(reply),
      evicted: reply.readDoubleLE(HEAD_BYTES),
      accounts: decodeAccounts(reply, HEAD_BYTES + 8, ids),
    };
  }

  async find(caller: Caller, ids: readonly string[]): Promise<FindReply> {
    const keys = this.#keysOf(caller);
    const buckets: string[] = [];
    const asked = ids.map((id) => {
      const { bucket, time } = placeOf(withoutMark(id));
      const place = bucket === null ? 0 : indexOrAppend(buckets, keys.idBucket(bucket)) + 1;
      const bytes = Buffer.alloc(10 + id.length + 1);
      bytes.writeUInt16LE(place, 0);
      bytes.writeDoubleLE(time, 2);
      bytes.write(id, 10, 'latin1');
      return bytes;
    });
    const reply = (await this.#callRaw(
      'find',
      [keys.fence, keys.ledger, keys.journal, keys.otherIds[0], keys.otherIds[1], ...buckets],
      [...prologue(caller), ...asked],
    )) as [Buffer, Buffer[], RawEntry[]];
    return {
      head: decodeHead(reply[0]),
      seqs: reply[1].map((seq) => (seq.length === 0 ? null : Number(seq.toString('latin1')))),
      entries: reply[2].map(decodeEntry),
    };
  }

  async change(caller: Caller, command: ChangeCommand) {
    const keys = this.#keysOf(caller);
    const { bucket, time } = placeOf(command.changeId);
    if (bucket === null) throw new TypeError('the id of an account change must be a UUIDv7');
    const reply = await this.#call(
      'change',
      [keys.fence, keys.ledger, keys.accounts, keys.journal, keys.idBucket(bucket)],
      [
        ...prologue(caller),
        command.accountId,
        command.changeId,
        time,
        command.expectedSettingsVersion ?? '',
        command.status ?? '',
        command.overdraftLimit ?? '',
        command.limits ? encodeLimits(command.limits) : '',
        command.payload,
      ],
    );
    const head = decodeHead(reply);
    const record = decodeRecord(reply, HEAD_BYTES);
    const entries: JournalEntry[] =
      record.status === RecordStatus.POSTED
        ? [
            {
              kind: 'account-change',
              firstSeq: record.seq,
              payload: command.payload,
              records: reply.subarray(HEAD_BYTES),
              acceptedAt: head.time,
            },
          ]
        : [];
    return { head, record, entries };
  }

  async journal(caller: KeeperCaller, afterSeq: number, entriesMax: number) {
    const keys = this.#keysOf(caller);
    const [head, marker, entries] = (await this.#callRaw(
      'journal',
      [...ownedKeys(keys), keys.journal],
      [...(await this.#keeperPrologue(caller)), afterSeq, entriesMax],
    )) as [Buffer, Buffer | null, RawEntry[]];
    return { head: decodeHead(head), marker: marker?.toString('latin1') ?? null, entries: entries.map(decodeEntry) };
  }

  async publish(caller: KeeperCaller, cursor: number, trimUpTo: number): Promise<Head> {
    const keys = this.#keysOf(caller);
    const reply = await this.#call(
      'publish',
      [...ownedKeys(keys), keys.journal],
      [...(await this.#keeperPrologue(caller)), cursor, trimUpTo],
    );
    return decodeHead(reply);
  }

  async forget(caller: KeeperCaller, buckets: readonly number[], turnOthers: boolean): Promise<Head> {
    const keys = this.#keysOf(caller);
    const reply = await this.#call(
      'forget',
      [...ownedKeys(keys), keys.otherIds[0], keys.otherIds[1], ...buckets.map((bucket) => keys.idBucket(bucket))],
      [...(await this.#keeperPrologue(caller)), turnOthers ? 1 : 0, ...buckets.map(bucketEnd)],
    );
    return decodeHead(reply);
  }

  async lowerHorizon(caller: KeeperCaller, lookupHorizon: number, ids: readonly string[]): Promise<Head> {
    const keys = this.#keysOf(caller);
    const buckets: string[] = [];
    const places = ids.flatMap((id) => {
      const { bucket } = placeOf(withoutMark(id));
      if (bucket === null) throw new TypeError(`${id} is not the id of a bucket`);
      return [indexOrAppend(buckets, keys.idBucket(bucket)) + 1, id];
    });
    const args = [...(await this.#keeperPrologue(caller)), lookupHorizon, ...places];
    return decodeHead(await this.#call('lowerHorizon', [...ownedKeys(keys), ...buckets], args));
  }

  async setCalendar(caller: KeeperCaller, calendar: BusinessCalendar): Promise<Head> {
    const args = [...(await this.#keeperPrologue(caller)), encodeCalendar(calendar)];
    return decodeHead(await this.#call('calendar', ownedKeys(this.#keysOf(caller)), args));
  }

  async retire(caller: KeeperCaller, podId: string): Promise<Head> {
    const args = [...(await this.#keeperPrologue(caller)), podId];
    return decodeHead(await this.#call('retire', ownedKeys(this.#keysOf(caller)), args));
  }

  async fence(epoch: number, replid: string): Promise<number> {
    const args = await this.#keeperPrologue({ fenceEpoch: epoch, replid });
    return Number((await this.#call('fence', ownedKeys(this.#keysOf(NO_EPOCH)), args)).toString('latin1'));
  }

  async activate(named: NamedEpoch, replid: string, marker: string, lookupHorizon: number): Promise<string> {
    const args = [...(await this.#keeperPrologue({ fenceEpoch: named.epoch, replid })), marker, lookupHorizon];
    return (await this.#call('activate', ownedKeys(this.#keysOf(named)), args)).toString('latin1');
  }

  async claim(named: NamedEpoch, replid: string, marker: string): Promise<boolean> {
    const args = [...(await this.#keeperPrologue({ fenceEpoch: named.epoch, replid })), marker];
    return (await this.#callRaw('claim', ownedKeys(this.#keysOf(named)), args)) === 1;
  }

  async ownership(replid: string): Promise<Ownership> {
    const ledgerId = await this.#ledgerId();
    const reply = (await this.#callRaw('ownership', ownedKeys(this.#keysOf(NO_EPOCH)), [0, 'keeper', replid])) as [
      Buffer,
      Buffer,
    ];
    const [owner = '', fence = ''] = reply.map((part) => part.toString('latin1'));
    return {
      state: owner === ledgerId ? 'own' : owner !== '' ? 'foreign' : fence === '' ? 'free' : 'unclaimed',
      owner: owner || null,
      fence: fence === '' ? null : Number(fence),
    };
  }

  async takeOver(replid: string, seen: { owner: string | null; fence: number | null }): Promise<boolean> {
    const args = [seen.fence ?? '', 'keeper', replid, await this.#ledgerId(), seen.owner ?? ''];
    return (await this.#callRaw('takeOver', ownedKeys(this.#keysOf(NO_EPOCH)), args)) === 1;
  }

  /** Deletes keys of ended epochs, if the fence is at `fenceEpoch` or above and the server belongs to this ledger. */
  async sweep({ fenceEpoch, replid }: FenceCaller, oldKeys: readonly string[]): Promise<void> {
    const args = await this.#keeperPrologue({ fenceEpoch, replid });
    await this.#callRaw('sweep', [...ownedKeys(this.#keysOf(NO_EPOCH)), ...oldKeys], args);
  }

  async #keeperPrologue({ fenceEpoch, replid }: FenceCaller): Promise<ScriptArgument[]> {
    return [fenceEpoch, 'keeper', replid, await this.#ledgerId()];
  }

  async #call(name: keyof typeof scripts, keys: string[], args: ScriptArgument[]): Promise<Buffer> {
    const reply = await this.#callRaw(name, keys, args);
    if (!Buffer.isBuffer(reply)) throw new CacheError('in_doubt', `${name} returned an unknown format`);
    return reply;
  }

  #callRaw(name: keyof typeof scripts, keys: string[], args: ScriptArgument[]): Promise<unknown> {
    return runScript(this.#redis, scripts[name], keys, args);
  }

  #keysOf(named: NamedEpoch): Keys {
    if (this.#keys.epochPrefix !== epochPrefix(this.#prefix, named)) this.#keys = new Keys(this.#prefix, named);
    return this.#keys;
  }
}

/** A placeholder epoch for scripts that touch only the fence and the owner. */
const NO_EPOCH: NamedEpoch = { epoch: 0, format: 1 };
const prologue = (caller: Caller): ScriptArgument[] => [caller.epoch, caller.podId, caller.replid];
/** The keys of every script that checks who owns the server. */
const ownedKeys = (keys: Keys): string[] => [keys.fence, keys.ledger, keys.owner];

function indexOrAppend(list: string[], value: string): number {
  const index = list.indexOf(value);
  return index >= 0 ? index : list.push(value) - 1;
}

function decodeAccounts(reply: Buffer, start: number, ids: readonly string[]): (CachedAccount | null)[] {
  let at = start;
  return ids.map((id) => {
    const length = reply.readUInt8(at++);
    if (length === 0) return null;
    const account = decodeAccount(id, reply, at, length);
    at += length;
    return account;
  });
}
