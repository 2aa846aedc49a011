import { type Answers, latencies, paced } from '../paced.ts';
import { balanceReads, transfers } from '../requests.ts';
import { Watch } from '../watch.ts';
import { wrk } from '../wrk.ts';
import { apiOf, type Bench, CONNECTIONS, type Found, type Part } from './part.ts';
import { wrkFigures } from './transfers.ts';

const READS_PER_SECOND = 10_000;
const MIXED_PER_SECOND = 8_000;
const TRANSFERS_PER_SECOND = 5_000;
/** Every fifth request of the mixed day is a transfer: 20 %. */
const TRANSFER_EVERY = 5;

export const reads: Part = {
  name: 'reads',
  title: `balance reads at ${READS_PER_SECOND}/s, latency measured from the planned time`,
  run: (bench) => {
    const read = balanceReads(apiOf(bench.stack), bench.stack, bench.accounts);
    return pacedPart(bench, READS_PER_SECOND, read, { '': () => true });
  },
};

export const steady: Part = {
  name: 'steady',
  title: `single transfers at ${TRANSFERS_PER_SECOND}/s, latency measured from the planned time`,
  run: (bench) => {
    const transfer = transfers(apiOf(bench.stack), bench.stack, bench.accounts);
    return pacedPart(bench, TRANSFERS_PER_SECOND, transfer, { '': () => true });
  },
};

export const mixed: Part = {
  name: 'mixed',
  title: `80 % balance reads, 20 % transfers at ${MIXED_PER_SECOND}/s, latency measured from the planned time`,
  run: (bench) => {
    const url = apiOf(bench.stack);
    const read = balanceReads(url, bench.stack, bench.accounts);
    const transfer = transfers(url, bench.stack, bench.accounts);
    const isTransfer = (number: number) => number % TRANSFER_EVERY === 0;
    return pacedPart(bench, MIXED_PER_SECOND, (number) => (isTransfer(number) ? transfer() : read()), {
      '': () => true,
      'reads: ': (number) => !isTransfer(number),
      'transfers: ': isTransfer,
    });
  },
};

export const readsMax: Part = {
  name: 'readsmax',
  title: 'balance reads at the maximum rate',
  async run({ stack, accounts, seconds }): Promise<Found> {
    const watch = await Watch.begin(stack);
    const args = [stack.apiKey, String(accounts)];
    const result = await wrk({ script: 'balances', url: apiOf(stack), connections: CONNECTIONS, seconds, args });
    const seen = await watch.end(result.requests);
    return { figures: { ...wrkFigures(result), ...seen.figures }, seconds: seen.seconds };
  },
};

/** @param kinds selects the requests of each kind by number; each key is the prefix of that kind's figures */
async function pacedPart(
  { stack, seconds }: Bench,
  perSecond: number,
  request: (number: number) => Buffer,
  kinds: Record<string, (number: number) => boolean>,
): Promise<Found> {
  const watch = await Watch.begin(stack);
  const answers = await paced({ url: apiOf(stack), perSecond, seconds, connections: CONNECTIONS, request });
  const { figures, seconds: timeline } = await watch.end(perSecond * seconds);
  const good = answers.status.filter((status) => status >= 200 && status < 300).length;
  const byKind = Object.entries(kinds).map(([prefix, ofKind]) => kindFigures(answers, prefix, ofKind));
  return {
    figures: {
      '/s': Math.round(good / seconds),
      ...Object.assign({}, ...byKind),
      'refused or unanswered': perSecond * seconds - good,
      ...figures,
    },
    seconds: timeline,
  };
}

function kindFigures(answers: Answers, prefix: string, ofKind: (number: number) => boolean): Record<string, number> {
  const { figures } = latencies(answers, (_status, number) => ofKind(number));
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${prefix}${name}`, value]));
}
