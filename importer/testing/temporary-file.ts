import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { type FileRow, isValid } from '../payment.ts';
import { SourceFile } from '../source-file.ts';

/** The path of a new file with this content. */
export function temporaryFile(content: string | Uint8Array, name = 'payments.csv'): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

/** All rows that a reader finds in a file with this content, valid or not. */
export async function rowsOf(
  content: string | Uint8Array,
  read: (file: SourceFile) => AsyncIterable<FileRow>,
): Promise<FileRow[]> {
  await using file = await SourceFile.open(temporaryFile(content));
  const rows: FileRow[] = [];
  for await (const row of read(file)) rows.push(row);
  return rows;
}

/** The payments of rows, all of which must be valid. */
export function paymentsOf(rows: readonly FileRow[]) {
  return rows.map((row) => {
    if (!isValid(row)) throw new Error(`row ${row.row} is not valid: ${JSON.stringify(row.content)}`);
    return row.content;
  });
}
