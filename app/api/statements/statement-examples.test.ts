import { expect, it } from 'vitest';
import { camtOf } from './statement-camt.ts';
import { csvOf } from './statement-csv.ts';
import { CAMT_EXAMPLE, CSV_EXAMPLE } from './statement-examples.ts';
import { pagesOf, posting, statement, textOf } from './testing/statements.ts';

const MESSAGE_ID = '019ad3c27a117b528f06d1c4e0a97b35';

it('The examples in the OpenAPI document are what the API returns', async () => {
  expect(CSV_EXAMPLE).toBe(await textOf(csvOf(statement(), pagesOf([posting()]))));
  expect(CAMT_EXAMPLE).toBe(await textOf(camtOf(statement(), MESSAGE_ID, pagesOf([posting()]))));
});
