import type { BookedCrossing, BookedLeg, BookedTransfer, Books } from '../books.ts';
import { Recording } from '../history.ts';
import { at, booked, posted } from './sound.ts';

const EUR = 'EUR';
const [THERE, HERE] = ['~transit:EUR:0 of shard 1', '~transit:EUR:0 of shard 0'];
const T1 = { source: 'world', destination: 'b', amount: 100, currency: EUR };
const T2 = { source: 'b', destination: 'world', amount: 40, currency: EUR };

const leg = (
  transactionId: string,
  of: { of: string; name: BookedLeg['name']; content: typeof T1 },
  moved: readonly [source: string, destination: string],
  more: Omit<Partial<BookedTransfer>, 'leg'>,
): BookedTransfer & { leg: BookedLeg } => ({
  ...{ transactionId, correlationId: `c-${of.of}`, acceptedAt: null, refusal: null, source: null, destination: null },
  content: { ...of.content, source: moved[0], destination: moved[1] },
  leg: of,
  ...more,
});

/**
 * Two shards: world → b 100 (t1) arrives; b → world 40 (t2) is refused there, and comes back. Everything is correct.
 */
export class SoundCrossings {
  readonly history = new Recording(10);
  readonly books: Omit<Books, 'transfers' | 'accounts' | 'crossings'> & {
    transfers: (BookedTransfer & { leg: BookedLeg })[];
    accounts: Books['accounts'][number][];
    crossings: BookedCrossing[];
  } = {
    transfers: [
      leg('t1', { of: 't1', name: 'out', content: T1 }, ['world', HERE], {
        ...{ acceptedAt: 1, source: booked(-100, 1), destination: booked(100, 1) },
      }),
      leg('t1~0', { of: 't1', name: 'in', content: T1 }, [THERE, 'b'], {
        ...{ acceptedAt: 2, source: booked(-100, 1), destination: booked(100, 1) },
      }),
      leg('t2', { of: 't2', name: 'out', content: T2 }, ['b', THERE], {
        ...{ acceptedAt: 3, source: booked(60, 2), destination: booked(-60, 2) },
      }),
      leg('t2~1', { of: 't2', name: 'in', content: T2 }, [HERE, 'world'], { acceptedAt: 4, refusal: 'account_frozen' }),
      leg('t2~back', { of: 't2', name: 'back', content: T2 }, [THERE, 'b'], {
        ...{ acceptedAt: 5, source: booked(-100, 3), destination: booked(100, 3) },
      }),
    ],
    accounts: [
      ['world', -100, 1] as const,
      ['b', 100, 3] as const,
      [HERE, 100, 1] as const,
      [THERE, -100, 3] as const,
    ].map(([accountId, balance, version]) => ({
      ...{ accountId, currency: EUR, overdraftLimit: 0, status: 'ACTIVE' as const },
      ...booked(balance, version),
    })),
    changes: [],
    crossings: [
      { transactionId: 't1', state: 'DONE', destination: at(100, 1), refusal: null },
      { transactionId: 't2', state: 'RETURNED', destination: null, refusal: 'account_frozen' },
    ],
    sums: { 'EUR of shard 0': 0n, 'EUR of shard 1': 0n },
    views: [],
  };

  constructor() {
    const { history } = this;
    for (const { accountId } of this.books.accounts)
      history.accounts.push({ accountId, currency: EUR, overdraftLimit: 0, external: accountId !== 'b' });
    const common = { sentAt: 0, endedAt: 1 };
    history.of('t1').attempts.push({
      ...{ content: T1, correlationId: 'c-t1', ...common },
      answer: { ...posted(at(-100, 1), at(100, 1)), acceptedAt: 1 },
    });
    history.of('t2').attempts.push({
      ...{ content: T2, correlationId: 'c-t2', sentAt: 2, endedAt: 3 },
      answer: { kind: 'rejected', code: 'account_frozen', acceptedAt: 3 },
    });
  }

  leg(transactionId: string): BookedTransfer & { leg: BookedLeg } {
    const found = this.books.transfers.find((row) => row.transactionId === transactionId);
    if (!found) throw new RangeError(`there is no leg ${transactionId}`);
    return found;
  }
  remove(transactionId: string): void {
    this.books.transfers.splice(this.books.transfers.indexOf(this.leg(transactionId)), 1);
  }
  crossing(transactionId: string): BookedCrossing {
    const found = this.books.crossings.find((row) => row.transactionId === transactionId);
    if (!found) throw new RangeError(`there is no crossing ${transactionId}`);
    return found;
  }
}
