import {
  anyObject,
  type Caller,
  type CallOptions,
  type OutcomeOptions,
  objectWith,
  read,
  segment,
  withQuery,
} from '../calls.ts';
import { listIn, pages } from '../streams/pages.ts';
import type {
  Durability,
  Transfer,
  TransferFilters,
  TransferList,
  TransferPreview,
  TransferRecord,
  TransferRequest,
} from '../types.ts';
import { type Outcome, outcomeOf } from './outcomes.ts';
import { type BatchOptions, type TransferItem, transferBatches } from './transfer-batches.ts';
import { type Expected, type Identified, lookUpTransfer, type Pending, type Posted } from './transfer-look-up.ts';

export type TransferOutcome = Outcome<Posted | Pending, Identified<TransferRequest>>;
export interface ReversalRequest {
  /** The transfer to reverse. */
  readonly transactionId: string;
  /** With several shards, only the shard of this account is queried. */
  readonly sourceAccount?: string;
  readonly durability?: Durability;
}
export type ReversalOutcome = Outcome<Posted | Pending, ReversalRequest>;

export class Transfers {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Transfers money once, however many attempts it takes.
   * @throws ProblemError or NoAnswerError: nothing was changed
   */
  async create(request: TransferRequest, options: OutcomeOptions = {}): Promise<TransferOutcome> {
    const transactionId = request.transactionId ?? this.#caller.ids.next();
    const sent = Object.freeze({ ...request, transactionId });
    return outcomeOf<Posted | Pending, typeof sent>(
      this.#caller,
      { given: request, sent, options },
      {
        content: { method: 'POST', path: '/v1/transfers', body: JSON.stringify(sent) },
        accept: (body) => postedIn(body, { transactionId, sourceAccount: sent.sourceAccount }),
        lookUp: (call, limits) => lookUpTransfer(this.#caller, call, transactionId, expectedOf(sent), limits),
      },
    );
  }

  /**
   * Transfers of all accounts, newest first (or oldest first with `order: 'asc'`). Each page is requested when its
   * items are needed. Requires a service with search.
   * @throws ProblemError (such as `search_disabled`)
   */
  list(filters: TransferFilters = {}, options: CallOptions = {}): AsyncGenerator<TransferRecord, void, undefined> {
    return pages((cursor) => this.page({ ...filters, cursor }, options));
  }

  /** One page of the list, with the time up to which it is complete (`asOf`). */
  async page(
    filters: TransferFilters & { cursor?: string | undefined } = {},
    options: CallOptions = {},
  ): Promise<TransferList> {
    return read(this.#caller, withQuery('/v1/transfers', filters), listIn<TransferList>, options);
  }

  /**
   * Makes any number of independent transfers, in batches, and returns their outcomes in the same order. The next batch
   * is read and sent only after the outcomes of the earlier ones have been consumed, so a file of any length needs
   * little memory. An item without an id gets one when its batch is sent: to be able to repeat the whole list after
   * your own program crashes, store an id with each item first.
   */
  createMany(
    requests: Iterable<TransferRequest> | AsyncIterable<TransferRequest>,
    options: BatchOptions = {},
  ): AsyncGenerator<TransferItem, void, undefined> {
    return transferBatches(this.#caller, requests, options);
  }

  /** What the transfer would do now; nothing is changed. @throws ProblemError if it would be refused */
  async preview(request: TransferRequest, options: CallOptions = {}): Promise<TransferPreview | Transfer> {
    const body = JSON.stringify({ ...request, dryRun: true });
    const content = { method: 'POST', path: '/v1/transfers', body } as const;
    return read<TransferPreview | Transfer>(this.#caller, content.path, anyObject, options, content);
  }

  /** A transfer, posted or refused, as soon as it has been acknowledged. @throws ProblemError `transfer_not_found` */
  async get(transactionId: string, options: CallOptions & { sourceAccount?: string } = {}): Promise<TransferRecord> {
    const path = withQuery(`/v1/transfers/${segment(transactionId)}`, { sourceAccount: options.sourceAccount });
    return read(this.#caller, path, (body) => objectWith<TransferRecord>(body, { transactionId }), options);
  }

  /**
   * Transfers the amount back once, however often this is called. After a refusal, this may be called again.
   * @throws ProblemError or NoAnswerError: nothing was changed
   */
  async reverse(request: ReversalRequest, options: OutcomeOptions = {}): Promise<ReversalOutcome> {
    const { transactionId, sourceAccount, durability } = request;
    const path = withQuery(`/v1/transfers/${segment(transactionId)}/reversal`, { sourceAccount });
    const content = { method: 'POST', path, body: JSON.stringify({ durability }) } as const;
    // The service makes another attempt after a refusal, so a lost request that arrives late can still be carried out.
    const parts = { content, accept: (body: unknown) => postedIn(body, {}), forgetsRefusals: true };
    return outcomeOf<Posted | Pending, ReversalRequest>(
      this.#caller,
      { given: request, sent: request, options },
      parts,
    );
  }
}

export function postedIn(body: unknown, members: Partial<Transfer>): Posted | null {
  const transfer = objectWith<Transfer>(body, { ...members, status: 'POSTED' });
  return transfer && { outcome: 'posted', transfer };
}

export const expectedOf = ({ sourceAccount, destinationAccount, amount, currency }: Expected): Expected => ({
  sourceAccount,
  destinationAccount,
  amount,
  currency,
});
