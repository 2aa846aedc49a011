import { choice, flag, text, texts, wholeNumber } from '../app/config/command-line.mjs';

/** What `npm run import` and `holdfast import` have in common: the options that say what is imported, and how. */
export const FILE_OPERAND = {
  label: 'FILE',
  help: 'CSV with the columns sourceAccount, destinationAccount, amount and currency (optional: transactionId, timestamp, reference, metadata.NAME), or pain.001.001.03 or .09 (ISO 20022)',
  min: 1,
  max: 1,
};

export const IMPORT_OPTIONS = {
  results: text('FILE', 'the results file (FILE.results.csv)'),
  batch: text('NAME', 'the batch id; transaction ids are derived from it instead of from the content of the file'),
  currency: text('CODE', 'the currency of a CSV file without a currency column'),
  delimiter: choice(['comma', 'semicolon', 'tab'], 'the column separator of a CSV file (detected by default)'),
  'decimal-comma': flag('amounts in a CSV file use a decimal comma'),
  ignore: texts('COLUMN', 'a CSV column that is not imported'),
  'execute-now': flag('make the payments of a pain.001 message now, even if they are for a later date'),
  'skip-invalid': flag('send the valid rows of a file that also has invalid ones'),
  edited: flag('continue with a file in which unposted rows were corrected, or rows were added at the end'),
  'same-ledger': flag('the results belong to the same ledger, whose address has changed'),
  'dry-run': flag('only check the file'),
  'batch-size': wholeNumber('transfers per request', { min: 1, max: 1000, fallback: 500 }),
  concurrency: wholeNumber('concurrent requests', { min: 1, max: 64, fallback: 4 }),
};
