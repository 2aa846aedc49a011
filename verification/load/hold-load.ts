import { randomUUID } from 'node:crypto';
import { newUuidV7 } from '../../app/domain/ids.ts';
import type { Answer, HoldAnswer, HoldContent, HoldShown, TransferContent } from '../checker/history.ts';
import { type Client, NoAnswer, type Reply } from '../harness/client.ts';
import { answerOfReply, answerOfSilence, fieldsOf, isRefusal, majorUnits, minorUnits } from './answers.ts';
import type { Population } from './population.ts';
import type { Recorder } from './recorder.ts';

const EXPIRING = 0.25;
/** A quarter of the holds expire this soon, ms; the others have the default of seven days. */
const EXPIRES_MS = [500, 5_000] as const;
/** Shares of the holds that are voided, that are left to expire, and whose captures are sent twice at the same time. */
const VOIDED = 0.2;
const LEFT = 0.15;
const TWICE = 0.2;
/** With several shards, the share of the requests that name the account, so that only its shard is queried. */
const BY_ACCOUNT = 0.5;

const newId = (ownIds: number): string => (Math.random() < ownIds ? `own:${randomUUID()}` : newUuidV7(Date.now()));

/** A load of holds: each is placed, perhaps changed and read, and then captured, voided or left to expire. */
export class HoldLoad {
  readonly #client: Client;
  readonly #recorder: Recorder;
  readonly #population: Population;

  constructor(client: Client, recorder: Recorder, population: Population) {
    this.#client = client;
    this.#recorder = recorder;
    this.#population = population;
  }

  #pathOf(holdId: string, account: string, action = ''): string {
    const isNamed = this.#population.inOneShard && Math.random() < BY_ACCOUNT;
    const query = isNamed ? `?account=${encodeURIComponent(account)}` : '';
    return `/v1/holds/${encodeURIComponent(holdId)}${action}${query}`;
  }

  /** @param ownIds the share of the ids that are not UUIDv7s */
  async act(ownIds: number): Promise<void> {
    const pick = this.#population.inOneShard?.() ?? (() => this.#population.pick());
    const { source: account, destination, amount, currency } = pick();
    const [least, most] = EXPIRES_MS;
    const end = Math.floor(Date.now() + least + Math.random() * (most - least));
    const content: HoldContent = {
      ...{ account, destination: Math.random() < 0.7 ? destination : null, amount, currency },
      expiresAt: Math.random() < EXPIRING ? end : null,
    };
    const holdId = newId(ownIds);
    const placed = await this.place(holdId, content);
    if (!placed) return;
    const changed = Math.random() < 0.15 ? await this.#change(holdId, content, placed) : null;
    if (Math.random() < 0.2) await this.#read(holdId, content);
    const fate = Math.random();
    if (fate < LEFT) return;
    if (fate < LEFT + VOIDED) return this.#void(holdId, content);
    await this.#captureAll({ holdId, content, destination }, changed ?? placed, ownIds);
  }

  async #captureAll(
    { holdId, content, destination }: { holdId: string; content: HoldContent; destination: string },
    { amount, captured }: HoldShown,
    ownIds: number,
  ): Promise<void> {
    const { account: source, currency } = content;
    const capture = (asked: number | null, final: boolean): TransferContent => ({
      ...{ source, destination, amount: asked ?? 0, currency },
      capture: { holdId, amount: asked, destination: content.destination === null ? destination : null, final },
    });
    if (Math.random() < 0.4) {
      const part = Math.ceil((amount - captured) / 2);
      await this.#captureSome(newId(ownIds), capture(part, false));
      if (Math.random() < 0.3) return this.#void(holdId, content);
    }
    await this.#captureSome(newId(ownIds), capture(null, true));
  }

  async #captureSome(transactionId: string, content: TransferContent): Promise<void> {
    const copies = Math.random() < TWICE ? 2 : 1;
    await Promise.all(Array.from({ length: copies }, () => this.capture(transactionId, content)));
  }

  /**
   * Places a hold, for the first time or again. @returns the hold; null if it was not placed, or if that is not known
   */
  async place(holdId: string, content: HoldContent): Promise<HoldShown | null> {
    const { account, destination, amount, currency, expiresAt } = content;
    const correlationId = this.#recorder.newCorrelationId();
    const complete = this.#recorder.holdRequest(holdId, { op: 'place', content, correlationId });
    const body = {
      ...{ holdId, account, amount: majorUnits(amount, currency), currency },
      ...(destination !== null && { destinationAccount: destination }),
      ...(expiresAt !== null && { expiresAt: new Date(expiresAt).toISOString() }),
    };
    const answer = await this.#ask(currency, () => this.#client.post('/v1/holds', body, correlationId));
    // The refusal of a hold is an outcome.
    const isRejected = answer.kind === 'refused' && answer.status === 422;
    complete(isRejected ? { kind: 'rejected', code: answer.code } : answer);
    return answer.kind === 'held' ? (answer.hold ?? null) : null;
  }

  /** Sends a capture, for the first time or again. */
  async capture(transactionId: string, content: TransferContent): Promise<void> {
    const { currency, capture } = content;
    if (!capture) throw new TypeError(`${transactionId} captures nothing`);
    const correlationId = this.#recorder.newCorrelationId();
    const complete = this.#recorder.attempt(transactionId, content, correlationId);
    this.#recorder.requests += 1;
    const body = {
      ...{ transactionId, final: capture.final },
      ...(capture.amount !== null && { amount: majorUnits(capture.amount, currency) }),
      ...(capture.destination !== null && { destinationAccount: capture.destination }),
    };
    const answer = await this.#client
      .post(this.#pathOf(capture.holdId, content.source, '/capture'), body, correlationId)
      .then((reply) => captureAnswer(reply, content), answerOfError);
    complete(answer);
  }

  async #void(holdId: string, { account, currency }: HoldContent): Promise<void> {
    const correlationId = this.#recorder.newCorrelationId();
    const complete = this.#recorder.holdRequest(holdId, { op: 'void', correlationId });
    complete(
      await this.#ask(currency, () => this.#client.post(this.#pathOf(holdId, account, '/void'), {}, correlationId)),
    );
  }

  async #change(holdId: string, { account, currency }: HoldContent, hold: HoldShown): Promise<HoldShown | null> {
    const correlationId = this.#recorder.newCorrelationId();
    const amount = hold.captured + 1 + Math.floor(Math.random() * 2 * hold.amount);
    const wanted = { amount, expiresAt: null, expectedRevision: hold.revision };
    const complete = this.#recorder.holdRequest(holdId, { op: 'change', correlationId, ...wanted });
    const headers = { 'if-match': `"${hold.revision}"` };
    const body = { amount: majorUnits(amount, currency) };
    const answer = await this.#ask(currency, () =>
      this.#client.send('PATCH', this.#pathOf(holdId, account), body, correlationId, headers),
    );
    complete(answer);
    return answer.kind === 'held' ? (answer.hold ?? null) : null;
  }

  async #read(holdId: string, { account, currency }: HoldContent): Promise<void> {
    const complete = this.#recorder.holdRequest(holdId, { op: 'read' });
    complete(await this.#ask(currency, () => this.#client.get(this.#pathOf(holdId, account))));
  }

  async #ask(currency: string, send: () => Promise<Reply>): Promise<HoldAnswer> {
    this.#recorder.requests += 1;
    const answer = await send().then((reply) => holdAnswerOf(reply, currency), answerOfError);
    if (answer.kind === 'unknown') this.#recorder.failed(`${answer.reason} (hold)`);
    // The other refusals are those that the load provokes: the hold has ended, has changed, or is unknown.
    if (answer.kind === 'refused' && (answer.status === 503 || answer.status === 0))
      this.#recorder.failed(`${answer.code} (hold)`);
    return answer;
  }
}

/** The meaning of any answer that shows a hold. */
export function holdAnswerOf({ status, body }: Reply, currency: string): HoldAnswer {
  const fields = fieldsOf(body);
  const code = String(fields['code'] ?? 'no_code');
  if (status !== 200 && status !== 201)
    return isRefusal(status) ? { kind: 'refused', status, code } : { kind: 'unknown', reason: `${status} ${code}` };
  if (fields['status'] === 'REFUSED') return { kind: 'rejected', code: String(fields['refusal']) };
  return {
    kind: 'held',
    hold: holdOf(fields, currency),
    ...(typeof fields['replayed'] === 'boolean' && { replayed: fields['replayed'] }),
    ...(fields['stale'] === true && { stale: true }),
  };
}

const holdOf = (fields: Readonly<Record<string, unknown>>, currency: string): HoldShown => ({
  status: fields['status'] as HoldShown['status'],
  amount: minorUnits(fields['amount'], currency),
  captured: minorUnits(fields['captured'], currency),
  expiresAt: Date.parse(String(fields['expiresAt'])),
  revision: Number(fields['revision']),
});

/** The meaning of an answer to a capture; the answer does not repeat the request. */
function captureAnswer(reply: Reply, { currency, capture }: TransferContent): Answer {
  const answer = answerOfReply(reply, currency);
  if (answer.kind !== 'posted' || !answer.content || !capture) return answer;
  return { ...answer, content: { ...answer.content, capture } };
}

function answerOfError(error: unknown): Answer & { kind: 'unknown' | 'refused' } {
  if (!(error instanceof NoAnswer)) throw error;
  const answer = answerOfSilence(error);
  if (answer.kind !== 'unknown' && answer.kind !== 'refused') throw error;
  return answer;
}
