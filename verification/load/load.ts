import { randomUUID } from 'node:crypto';
import { newUuidV7 } from '../../app/domain/ids.ts';
import type { AccountStatus } from '../../app/domain/types.ts';
import type { Answer, HoldHistory, OpenedAccount, TransferContent, TransferHistory } from '../checker/history.ts';
import { type Client, NoAnswer, type Reply, silence } from '../harness/client.ts';
import { now, sleep } from '../harness/time.ts';
import {
  answerOf,
  answerOfLookUp,
  answerOfReply,
  answerOfSilence,
  fieldsOf,
  isRefusal,
  majorUnits,
  minorUnits,
} from './answers.ts';
import { newGroup, sendGroup } from './group-load.ts';
import { HoldLoad } from './hold-load.ts';
import { oneOf, type Population } from './population.ts';
import type { Recorder, WantedChange } from './recorder.ts';

export interface LoadOptions {
  /** Maximum number of requests per second. */
  rate: number;
  /** Maximum number of concurrent requests. */
  workers: number;
  /** Shares of all requests; the rest are single transfers. */
  reads: number;
  batches: number;
  batchSize: number;
  /** New limits for accounts. */
  changes: number;
  /** Groups of two to five transfers; 0 for a ledger that may be in format 1, which has none. */
  groups: number;
  /** Holds, with two or three requests each; 0 for a ledger that may be in format 1, which has none. */
  holds: number;
  /** How many times each single transfer is sent concurrently, under the same id. */
  copies: number;
  /** Share of the transfers whose id is not a UUIDv7. */
  ownIds: number;
  /**
   * The minimum number of transfers per second with an outcome before the fault; with fewer, the result would mean
   * little.
   */
  transfersPerSecondMin: number;
}
/** What the load consists of. */
export type Mix = Omit<LoadOptions, 'rate' | 'workers' | 'transfersPerSecondMin'>;

export const STEADY_LOAD: LoadOptions = {
  rate: 400,
  workers: 128,
  reads: 0.15,
  batches: 0.05,
  batchSize: 8,
  changes: 0.01,
  groups: 0.02,
  holds: 0.02,
  copies: 1,
  ownIds: 0.03,
  transfersPerSecondMin: 0,
};

/** At most 1,200 transfers per second, three quarters of them in batches of ten. */
export const BUSY_LOAD: Partial<LoadOptions> = {
  rate: 350,
  workers: 600,
  batches: 0.26,
  batchSize: 10,
  transfersPerSecondMin: 1000,
};

interface Order {
  transactionId: string;
  content: TransferContent;
  durability?: 'persisted';
}

/** Shares of single transfers. */
const AGAIN = 0.04;
const LOOKED_FOR = 0.03;
const PERSISTED = 0.03;
const UNKNOWN_ACCOUNT = 0.01;
const MALFORMED = 0.01;

/** Minor units. */
const LIMIT_MAX = 5000;

/** Sends requests, each of which is recorded from its first byte to its answer. Limited in rate, number and time. */
export class Load {
  readonly #client: Client;
  readonly #recorder: Recorder;
  readonly #population: Population;
  readonly #holds: HoldLoad;
  #mix: Mix = STEADY_LOAD;

  constructor(client: Client, recorder: Recorder, population: Population) {
    this.#client = client;
    this.#recorder = recorder;
    this.#population = population;
    this.#holds = new HoldLoad(client, recorder, population);
  }

  /** Runs until the signal is aborted; returns once the last answer has arrived. */
  async run({ rate, workers, ...mix }: LoadOptions, stop: AbortSignal): Promise<void> {
    this.#mix = mix;
    const everyMs = 1000 / rate;
    let next = now();
    const work = async () => {
      while (!stop.aborted) {
        // The rate is a limit: requests missed during a pause of the service are not made up for later.
        next = Math.max(next + everyMs, now() - 50);
        await sleep(Math.max(0, next - now()), undefined, { signal: stop }).catch(() => {});
        if (!stop.aborted) await this.#one(this.#mix);
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
  }

  /** Changes shares of the requests while the load runs. */
  alter(mix: Partial<Mix>): void {
    this.#mix = { ...this.#mix, ...mix };
  }

  /** Sends the transfers that fund the accounts. @throws Error if one of them is not posted */
  async openings(): Promise<void> {
    for (const content of this.#population.openings) {
      const answer = await this.transfer({ transactionId: newUuidV7(Date.now()), content });
      if (answer.kind !== 'posted') throw new Error(`an opening transfer was answered with ${JSON.stringify(answer)}`);
    }
  }

  /** Sends the transfer again under its id; a transfer of a group is sent with the whole group. */
  async again({ transactionId, attempts }: TransferHistory): Promise<void> {
    const content = attempts[0]?.content;
    if (content?.capture) return this.#holds.capture(transactionId, content);
    const ofGroup = this.#recorder.groups.get(content?.groupId ?? '');
    if (ofGroup) return sendGroup(this.#client, this.#recorder, ofGroup.group);
    if (content) await this.transfer({ transactionId, content });
  }

  /** Places a hold again, under its id. */
  async placeAgain({ holdId, requests }: HoldHistory): Promise<void> {
    const placing = requests.find((request) => request.op === 'place');
    if (placing?.op === 'place') await this.#holds.place(holdId, placing.content);
  }

  /** Looks up the id, unless an attempt under it may still be in progress. */
  async lookFor(transfer: TransferHistory): Promise<void> {
    const { transactionId, attempts } = transfer;
    if (this.#recorder.isUnderWay(transfer)) return;
    const complete = this.#recorder.lookUp(transactionId);
    this.#recorder.requests += 1;
    const { source = '', currency = '' } = attempts[0]?.content ?? {};
    // With several shards, only the shard of the source is queried.
    const query = this.#population.inOneShard ? `?sourceAccount=${encodeURIComponent(source)}` : '';
    const reply = await this.#client.get(`/v1/transfers/${transactionId}${query}`).catch(silence);
    complete(answerOfLookUp(reply, currency));
  }

  async transfer(order: Order): Promise<Answer> {
    const correlationId = this.#recorder.newCorrelationId();
    const complete = this.#recorder.attempt(order.transactionId, order.content, correlationId);
    this.#recorder.requests += 1;
    const answer = await this.#client
      .post('/v1/transfers', bodyOf(order), correlationId)
      .then((reply) => answerOfReply(reply, order.content.currency), answerOfError);
    complete(answer);
    return answer;
  }

  async #one({ reads, batches, batchSize, changes, groups, holds, copies, ownIds }: Mix): Promise<void> {
    const kind = Math.random();
    if (kind < reads) return this.#read();
    if (kind < reads + batches) return this.#batch(batchSize, ownIds);
    if (kind < reads + batches + changes) return this.#change();
    if (kind < reads + batches + changes + groups) return this.#group(ownIds);
    if (kind < reads + batches + changes + groups + holds) return this.#holds.act(ownIds);
    const other = Math.random();
    const posted = other < AGAIN + LOOKED_FOR ? this.#recorder.somePosted() : null;
    if (posted) return other < AGAIN ? void (await this.again(posted)) : this.lookFor(posted);
    const order = this.#order(ownIds);
    await Promise.all(Array.from({ length: copies }, () => this.transfer(order)));
  }

  #order(ownIds: number): Order {
    const { prefix } = this.#population;
    const content = this.#population.pick();
    const kind = Math.random();
    const transactionId = kind < ownIds ? `own:${randomUUID()}` : newUuidV7(Date.now());
    const other = Math.random();
    if (other < UNKNOWN_ACCOUNT) return { transactionId, content: { ...content, destination: `${prefix}nobody` } };
    if (other < UNKNOWN_ACCOUNT + MALFORMED) return { transactionId, content: { ...content, amount: 0 } };
    return { transactionId, content, ...(Math.random() < PERSISTED ? { durability: 'persisted' } : {}) };
  }

  async #batch(size: number, ownIds: number): Promise<void> {
    const orders = Array.from({ length: size }, () => this.#order(ownIds));
    const correlationId = this.#recorder.newCorrelationId();
    const completions = orders.map(({ transactionId, content }) =>
      this.#recorder.attempt(transactionId, content, correlationId),
    );
    this.#recorder.requests += 1;
    let answers: Answer[];
    try {
      const reply = await this.#client.post('/v1/transfers/batch', { transfers: orders.map(bodyOf) }, correlationId);
      const results = fieldsOf(reply.body)['results'];
      answers = orders.map(({ content }, index) => {
        if (reply.status !== 200 || !Array.isArray(results)) return answerOfReply(reply, content.currency);
        const result = fieldsOf(results[index]);
        return answerOf(Number(result['status']), result, content.currency);
      });
    } catch (error) {
      answers = orders.map(() => answerOfError(error));
    }
    completions.forEach((complete, index) => {
      complete(answers[index] ?? { kind: 'unknown', reason: 'missing from the answer' });
    });
  }

  #group(ownIds: number): Promise<void> {
    return sendGroup(this.#client, this.#recorder, newGroup(this.#population, ownIds));
  }

  async #change(): Promise<void> {
    const account = oneOf(this.#population.accounts);
    if (!account.external) await this.change(account, { overdraftLimit: Math.floor(Math.random() * LIMIT_MAX) });
  }

  /** Requests other settings, once. @returns whether the answer reports them */
  async change({ accountId, currency }: OpenedAccount, wanted: WantedChange): Promise<boolean> {
    const { overdraftLimit: limit, status } = wanted;
    const correlationId = this.#recorder.newCorrelationId();
    const complete = this.#recorder.change(accountId, wanted, correlationId);
    this.#recorder.requests += 1;
    const body = {
      ...(limit !== undefined && { overdraftLimit: majorUnits(limit, currency) }),
      ...(status !== undefined && { status }),
    };
    try {
      const reply = await this.#client.patch(`/v1/accounts/${accountId}`, body, correlationId);
      if (reply.status === 200) {
        const settings = fieldsOf(reply.body);
        complete({
          kind: 'changed',
          settingsVersion: Number(settings['settingsVersion']),
          overdraftLimit: minorUnits(settings['overdraftLimit'], currency),
          status: settings['status'] as AccountStatus,
        });
        return true;
      }
      complete({ kind: isRefusal(reply.status) ? 'refused' : 'unknown' });
      this.#recorder.failed(of('limit', codeOf(reply)));
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      complete({ kind: error.delivered ? 'unknown' : 'refused' });
      this.#recorder.failed(of('limit', error.message));
    }
    return false;
  }

  async #read(): Promise<void> {
    const { accountId, currency } = oneOf(this.#population.accounts);
    const sentAt = now();
    this.#recorder.requests += 1;
    try {
      const { status, body } = await this.#client.get(`/v1/accounts/${accountId}/balance`);
      const fields = fieldsOf(body);
      if (status !== 200) {
        this.#recorder.failed(of('read', codeOf({ status, body })));
        return;
      }
      const position = { balance: minorUnits(fields['balance'], currency), version: Number(fields['version']) };
      const held = fields['held'] === undefined ? {} : { held: minorUnits(fields['held'], currency) };
      const [stale, source] = [fields['stale'] === true, String(fields['source'])];
      const by = `a read from ${source}`;
      this.#recorder.read({ accountId, sentAt, endedAt: now(), ...position, ...held, stale, by }, source);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.#recorder.failed(of('read', error.message));
    }
  }
}

function bodyOf({ transactionId, content, durability }: Order): object {
  const { source: sourceAccount, destination: destinationAccount, currency } = content;
  const amount = majorUnits(content.amount, currency);
  return { transactionId, sourceAccount, destinationAccount, amount, currency, ...(durability && { durability }) };
}

/** The name under which an error is counted: its code and the kind of request. */
export const of = (kind: 'transfer' | 'look-up' | 'read' | 'limit', code: string): string => `${code} (${kind})`;

/** The name that `answerOf` gives to an answer without an outcome. */
function codeOf({ status, body }: Reply): string {
  const code = String(fieldsOf(body)['code'] ?? 'no_code');
  return isRefusal(status) ? code : `${status} ${code}`;
}

function answerOfError(error: unknown): Answer {
  if (error instanceof NoAnswer) return answerOfSilence(error);
  throw error;
}
