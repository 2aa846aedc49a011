/**
 * Runs in an API pod (`kubectl exec … node - < books`), because other pods may not connect to MySQL and do not know its
 * address. Prints, as JSON, the rows of a run's accounts in MySQL, and the API's answers about them.
 */

import { Client } from '../../../verification/harness/client.ts';
import { readBooks } from '../../../verification/load/books.ts';
import { smallTown } from '../../../verification/load/population.ts';

/** Replaced when this file is bundled. */
declare const PARAMETERS: { prefix: string; key: string };

const { prefix, key } = PARAMETERS;
const { hostname, port, username, password, pathname, searchParams } = new URL(process.env['MYSQL_URL'] ?? '');
const ssl = searchParams.get('ssl');
const mysql = {
  host: hostname,
  port: Number(port || 3306),
  user: decodeURIComponent(username),
  password: decodeURIComponent(password),
  database: pathname.slice(1),
  ...(ssl !== null && { ssl: JSON.parse(ssl) as object }),
};
using client = new Client(() => [`http://127.0.0.1:${process.env['PORT'] ?? 8080}`], key);
const books = await readBooks(mysql, client, prefix, smallTown(prefix).accounts);
process.stdout.write(JSON.stringify(books, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
