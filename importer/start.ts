import { resolve } from 'node:path';
import { NewId } from '../app/api/schemas/fields.ts';
import { UsageError, type Values } from '../app/config/command-line.mjs';
import { isCurrency } from '../app/domain/money.ts';
import { tryLock } from '../devstack/system/lock.mjs';
import type { IMPORT_OPTIONS } from './options.ts';
import { type ImportIo, type ImportOptions, type ImportTarget, importFile } from './run.ts';

const DELIMITERS = { comma: ',', semicolon: ';', tab: '\t' } as const;
const ISO_DATE_LENGTH = 10;

/** @throws UsageError */
export function importOptionsOf(
  given: Values<typeof IMPORT_OPTIONS>,
  { path, giveUpAfterSeconds, now }: { path: string; giveUpAfterSeconds: number; now: number },
): ImportOptions {
  const { batch = null, currency, delimiter } = given;
  if (batch !== null && !NewId.safeParse(batch).success)
    throw new UsageError('--batch must have 1 to 64 characters of A-Z a-z 0-9 . _ : -');
  if (currency !== undefined && !isCurrency(currency))
    throw new UsageError(`--currency: there is no currency "${currency}".`);
  return {
    path,
    resultsPath: given.results ?? `${path}.results.csv`,
    batchId: batch,
    csv: {
      decimalComma: given['decimal-comma'],
      ignored: given.ignore,
      ...(currency !== undefined && { currency }),
      ...(delimiter !== undefined && { delimiter: DELIMITERS[delimiter] }),
    },
    pain: { today: new Date(now).toISOString().slice(0, ISO_DATE_LENGTH), executeNow: given['execute-now'] },
    skipInvalid: given['skip-invalid'],
    edited: given.edited,
    sameLedger: given['same-ledger'],
    dryRun: given['dry-run'],
    batch: given['batch-size'],
    concurrency: given.concurrency,
    giveUpAfterMs: giveUpAfterSeconds * 1000,
  };
}

/** Imports, unless another process writes the same results. @throws as `importFile` */
export async function importLocked(
  options: ImportOptions,
  target: ImportTarget | null,
  io: ImportIo,
): ReturnType<typeof importFile> {
  const lock = await tryLock(resolve(options.resultsPath));
  if (!lock.held) throw new Error(`Process ${lock.by} is writing ${options.resultsPath}.`);
  try {
    return await importFile(options, target, io);
  } finally {
    await lock.release();
  }
}
