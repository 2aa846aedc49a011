import { type Caller, type CallOptions, objectWith, read, segment, withQuery } from '../calls.ts';
import { listIn, pages } from '../streams/pages.ts';
import type { Batch, BatchFilters, BatchItem, BatchItemList } from '../types.ts';

/** The outcomes of items that were sent with a `batchId`, including those that never became transfers. */
export class Batches {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** How many of its items were posted, refused or not accepted. @throws ProblemError `batch_not_found` */
  async get(batchId: string, options: CallOptions & Pick<BatchFilters, 'postedBy'> = {}): Promise<Batch> {
    const path = withQuery(pathOf(batchId), { postedBy: options.postedBy });
    return read(this.#caller, path, (body) => objectWith<Batch>(body, { batchId }), options);
  }

  /** Its items, sorted by id; with `status`, only those that were recorded in this state. @throws as `get` */
  items(
    batchId: string,
    filters: BatchFilters = {},
    options: CallOptions = {},
  ): AsyncGenerator<BatchItem, void, undefined> {
    const path = `${pathOf(batchId)}/transfers`;
    return pages((cursor) =>
      read(this.#caller, withQuery(path, { ...filters, cursor }), listIn<BatchItemList>, options),
    );
  }
}

const pathOf = (batchId: string) => `/v1/batches/${segment(batchId)}`;
