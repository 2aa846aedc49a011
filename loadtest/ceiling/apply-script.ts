/**
 * Our own script on Redis alone: calls packed in advance are sent over bare sockets, and their replies are only
 * counted.
 */

import { connect } from 'node:net';
import type { Redis } from 'ioredis';
import { newUuidV7 } from '../../app/domain/ids.ts';
import { ofTestLedger } from '../../app/domain/testing/ledger-id.ts';
import type { TransferOrder } from '../../app/domain/types.ts';
import type { Caller } from '../../app/journal/cache-port.ts';
import { encodeOrder } from '../../app/journal/codec.ts';
import { RedisScripts } from '../../app/redis/redis-scripts.ts';
import { loadScript } from '../../app/redis/run-script.ts';
import { shardPrefix } from '../../app/redis/shard-prefix.ts';
import { accountId } from '../bank.ts';

const PREFIX = 'ceiling';
/** Two calls are in flight, as in a pod: the next one is ready when Redis finishes the previous one. */
const CONNECTIONS = 2;

export class ApplyScript {
  readonly #redis: Redis;
  readonly #accounts: number;
  readonly #scripts: RedisScripts;
  readonly #caller: Caller;

  private constructor(redis: Redis, accounts: number, scripts: RedisScripts, caller: Caller) {
    this.#redis = redis;
    this.#accounts = accounts;
    this.#scripts = scripts;
    this.#caller = caller;
  }

  static async prepare(redis: Redis, accounts: number): Promise<ApplyScript> {
    const scripts = new RedisScripts(redis, shardPrefix(PREFIX), ofTestLedger);
    const replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
    const caller: Caller = { epoch: 1, format: 1, replid, podId: 'ceiling' };
    await scripts.activate({ epoch: 1, format: 1 }, replid, 'marker', Date.now() - 60_000);
    await scripts.register(caller, 'marker');
    await redis.script('LOAD', loadScript('apply').text);
    for (let from = 0; from < accounts; from += 1000) {
      const some = Array.from({ length: Math.min(1000, accounts - from) }, (_, index) => ({
        accountId: accountId(from + index),
        currency: 'EUR',
        external: true,
        balance: 0,
        held: 0,
        version: 0,
        overdraftLimit: 0,
        status: 'ACTIVE' as const,
        settingsVersion: 1,
        limits: null,
      }));
      await scripts.install(caller, some, 0, accounts);
    }
    return new ApplyScript(redis, accounts, scripts, caller);
  }

  /** @returns transfers per second, with `perCall` transfers in each call */
  async run(transfers: number, perCall: number): Promise<number> {
    const calls = await this.#pack(Math.ceil(transfers / perCall), perCall);
    const { host = '127.0.0.1', port = 6379 } = this.#redis.options;
    let next = 0;
    const began = performance.now();
    await Promise.all(Array.from({ length: CONNECTIONS }, () => exchange(host, port, () => calls[next++])));
    const rate = (calls.length * perCall) / ((performance.now() - began) / 1000);
    await this.#trim();
    return rate;
  }

  /** Calls that are packed as a pod would pack them, and captured on their way to the socket. */
  async #pack(count: number, perCall: number): Promise<Buffer[]> {
    const calls: Buffer[] = [];
    const caught = new Proxy(this.#redis, {
      get(target, key) {
        if (key !== 'callBuffer') return Reflect.get(target, key, target);
        return (...words: (string | number | Buffer)[]) => {
          calls.push(asBytes(words));
          return Promise.reject(new Error('caught'));
        };
      },
    });
    const packer = new RedisScripts(caught, shardPrefix(PREFIX), ofTestLedger);
    for (let call = 0; call < count; call++) {
      const items = Array.from({ length: perCall }, () => this.#item());
      await packer.apply(this.#caller, items).catch(() => {});
    }
    return calls;
  }

  #item() {
    const acceptedAt = Date.now();
    const source = Math.floor(Math.random() * this.#accounts);
    const order: TransferOrder = {
      kind: 'transfer',
      transactionId: newUuidV7(acceptedAt),
      source: accountId(source),
      destination: accountId((source + 1 + Math.floor(Math.random() * (this.#accounts - 1))) % this.#accounts),
      amount: 1,
      currency: 'EUR',
      timestamp: null,
      reference: null,
      metadata: null,
      reverses: null,
      user: 'ceiling',
      correlationId: newUuidV7(acceptedAt),
    };
    return { order, payload: encodeOrder(order, acceptedAt), lookupCursor: -1 };
  }

  /** Trims the journal, as a keeper would. @throws Error if the script has written nothing */
  async #trim(): Promise<void> {
    const { head } = await this.#scripts.read(this.#caller, []);
    if (head.seq === 0) throw new Error('the script has applied nothing');
    await this.#scripts.publish(
      { fenceEpoch: 1, epoch: 1, format: 1, replid: this.#caller.replid },
      head.seq,
      head.seq,
    );
  }
}

function asBytes(words: readonly (string | number | Buffer)[]): Buffer {
  const parts = words.flatMap((word) => {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
  });
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts]);
}

/** Sends calls one after the other until there are no more. @throws Error with the first error reply from Redis */
function exchange(host: string, port: number, next: () => Buffer | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setNoDelay(true);
    let awaited = 0;
    const send = () => {
      const call = next();
      if (call === undefined) {
        socket.destroy();
        resolve();
      } else socket.write(call);
    };
    socket.once('connect', send);
    socket.once('error', reject);
    socket.on('data', (piece) => {
      if (awaited === 0) {
        const head = piece.toString('latin1', 0, 200);
        const length = /^\$(\d+)\r\n/.exec(head);
        if (length === null) {
          socket.destroy();
          reject(new Error(`Redis answered ${head}`));
          return;
        }
        awaited = length[0].length + Number(length[1]) + 2;
      }
      awaited -= piece.length;
      if (awaited === 0) send();
    });
  });
}
