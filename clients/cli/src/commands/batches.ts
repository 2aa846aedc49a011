import { choice, text, wholeNumber } from '../../../../app/config/command-line.mjs';
import type { BatchItem } from '../../../typescript/src/types.ts';
import { command, given } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { factsOf, tableOf } from '../output.ts';

const one = { label: 'BATCH', help: 'the id of the batch', min: 1, max: 1 };
const postedBy = text('USER', 'the user who sent the batch; by default the user of the key');
const SHOWN_MAX = 10_000_000;
/** Rows are printed in groups of this size, so that a long list does not fill the memory. */
const ROWS = 500;

export const BATCH_COMMANDS = [
  command('batches show', {
    about: 'Counts the outcomes of the transfers in a batch, such as the batch of an import.',
    options: { 'posted-by': postedBy },
    operands: one,
    async run({ values, operands: [batchId = ''], holdfast, output, signal }) {
      const batch = await holdfast().batches.get(batchId, { signal, ...given({ postedBy: values['posted-by'] }) });
      output.result(batch, () => {
        const { items, posted, rejected, failed, undecided, firstRecordedAt, lastRecordedAt } = batch;
        const times = { from: firstRecordedAt, to: lastRecordedAt };
        return factsOf({ batch: batchId, items, posted, rejected, failed, undecided, ...times });
      });
      return EXIT.done;
    },
  }),
  command('batches items', {
    about:
      'Lists the outcome of each transfer in a batch, with the reason: holdfast batches items BATCH --status FAILED',
    options: {
      'posted-by': postedBy,
      status: choice(['POSTED', 'REJECTED', 'FAILED', 'UNDECIDED'] as const, 'only those in this state'),
      limit: wholeNumber('how many', { min: 1, max: SHOWN_MAX, fallback: 1000 }),
    },
    operands: one,
    async run({ values, operands: [batchId = ''], holdfast, output, signal }) {
      const filters = given({ status: values.status, postedBy: values['posted-by'], limit: ROWS });
      let rows: BatchItem[] = [];
      let count = 0;
      for await (const item of holdfast().batches.items(batchId, filters, { signal })) {
        if (output.isJson) output.result(item, () => '');
        else if (rows.push(item) === ROWS) {
          output.result({}, () => itemsText(rows));
          rows = [];
        }
        if (++count === values.limit) break;
      }
      if (rows.length > 0) output.result({}, () => itemsText(rows));
      else if (count === 0) output.note('There are none.');
      return EXIT.done;
    },
  }),
];

const itemsText = (items: readonly BatchItem[]): string =>
  tableOf(
    ['TRANSFER', 'STATUS', 'CODE', 'DETAIL'],
    items.map(({ transactionId, status, code, detail, errors }) => [
      transactionId,
      status,
      code,
      errors?.map((error) => `${error.pointer} ${error.detail}`).join('; ') ?? detail,
    ]),
  );
