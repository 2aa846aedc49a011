/**
 * The Redis keys of one shard. All except the fence and the owner contain the epoch, so that data of an old epoch
 * cannot be mistaken for new; the hash tag keeps them in one slot.
 */
export class Keys {
  readonly fence: string;
  /** The identity of the ledger that this server belongs to; it survives epochs, as the fence does. */
  readonly owner: string;
  /** Prefix of every key of every epoch, followed by the epoch and a colon. */
  readonly shardPrefix: string;
  readonly ledger: string;
  readonly accounts: string;
  readonly journal: string;
  readonly otherIds: readonly [string, string];
  /** Prefix of every key of this epoch. */
  readonly epochPrefix: string;

  constructor(prefix: string, epoch: number) {
    const shard = `${prefix}:{0}:`;
    this.fence = `${shard}fence`;
    this.owner = `${shard}owner`;
    this.shardPrefix = shard;
    this.epochPrefix = `${shard}${epoch}:`;
    this.ledger = `${this.epochPrefix}ledger`;
    this.accounts = `${this.epochPrefix}accounts`;
    this.journal = `${this.epochPrefix}journal`;
    this.otherIds = [`${this.epochPrefix}ids:other:0`, `${this.epochPrefix}ids:other:1`];
  }

  idBucket(bucket: number): string {
    return `${this.epochPrefix}ids:${bucket}`;
  }
}
