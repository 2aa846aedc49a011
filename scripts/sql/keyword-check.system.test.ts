import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { QueryRunner } from 'typeorm';
import { describe, expect, it, test } from 'vitest';
import { createDataSource } from '../../app/mysql/schema/data-source.ts';
import { type BareKeyword, bareKeywords, bareKeywordsInMarkdown, bareKeywordsInSource } from './keyword-check.ts';

const words = (found: BareKeyword[]) => found.map(({ word }) => word);

describe('Bare keywords', () => {
  test.each([
    ['of a column list', 'INSERT INTO accounts (account_id, external) VALUES (?, ?)', ['external']],
    ['that are not reserved yet', 'SELECT user, status FROM transfers', ['user', 'status']],
    ['as an alias', 'SELECT COUNT(*) AS groups FROM transfers', ['groups']],
    ['of a definition', "system VARCHAR(8) NOT NULL COMMENT 'the user'", ['system']],
  ])('%s are found', (_what, sql, expected) => {
    expect(words(bareKeywords(sql))).toEqual(expected);
  });

  test.each([
    ['in backticks', 'SELECT `user`, `status` FROM transfers'],
    ['after a dot', 'SELECT a.status FROM accounts a'],
    ['in a string or a comment', 'SELECT \'user\', "status" /* user */ FROM transfers -- mode\n'],
    ['that only contain a keyword', 'SELECT user_name, statuses FROM transfers'],
    ['that name a character set', 'ALTER TABLE t MODIFY c CHAR(3) CHARACTER SET ascii'],
    ['in upper case, because these are meant as keywords', 'SELECT NOW(3) AS moment'],
  ])('do not include words %s', (_what, sql) => {
    expect(bareKeywords(sql)).toEqual([]);
  });

  it('are classified as reserved or not', () => {
    expect(bareKeywords('SELECT external, status FROM accounts')).toMatchObject([
      { word: 'external', reserved: true },
      { word: 'status', reserved: false },
    ]);
  });

  test.each([
    ['a statement', "rows('SELECT user FROM api_keys');", ['user']],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the source text of a template
    ['a template', 'rows(`SELECT ${columns}, user FROM ${user}`);', ['user']],
    ['escaped backticks', 'rows(`SELECT \\`user\\` FROM t WHERE mode = 1`);', ['mode']],
    [
      'a template inside a template',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the source text of a template
      'rows(`SELECT 1 ${more ? `AND status = 1 AND user IN (?)` : ``}`);',
      ['status', 'user'],
    ],
    ['a fragment', "const columns = 'transaction_id, user, seq';", ['user']],
    ['a definition', "const type = { note: 'user BIGINT NOT NULL' };", ['user']],
    ['the name of a test', "it('SELECT shows the user', () => {});", []],
    ['a sentence', "throw new Error('the user has no status');", []],
  ])('in source are found only in SQL: %s', (_what, source, expected) => {
    const found = bareKeywordsInSource('a.ts', source);
    expect(words(found)).toEqual(expected);
    for (const { word, position } of found) expect(source.slice(position, position + word.length)).toBe(word);
  });

  it('in a page are found only in its SQL examples', () => {
    expect(words(bareKeywordsInMarkdown('the user\n```sql\nSELECT user FROM t;\n```\n'))).toEqual(['user']);
  });
});

const root = join(import.meta.dirname, '../..');

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => pattern.test(name) && !name.includes('node_modules'));
}

/** SQL in the product must also work on future servers; SQL in tests, only on the servers that the tests run on. */
const isTest = (file: string) => /\.test\.ts$|\/testing\//.test(file);

const placesOf = (file: string, text: string, found: BareKeyword[]) =>
  found.map(({ word, position }) => `${file}:${text.slice(0, position).split('\n').length} ${word}`);

describe('SQL in this repository', () => {
  test.each(['app', 'devstack', 'mock-data', 'loadtest', 'resilience-tests', 'simulator', 'scripts'])(
    'in %s uses no keyword as a bare identifier',
    (folder) => {
      const places = filesBelow(folder, /\.(ts|mjs)$/)
        .filter((file) => !file.startsWith('scripts/sql/'))
        .flatMap((file) => {
          const text = readFileSync(join(root, file), 'utf8');
          const found = bareKeywordsInSource(file, text).filter(({ reserved }) => reserved || !isTest(file));
          return placesOf(file, text, found);
        });
      expect(places).toEqual([]);
    },
  );

  it('in the documentation uses no keyword as a bare identifier', () => {
    const places = ['README.md', ...filesBelow('docs', /\.md$/)].flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return placesOf(file, text, bareKeywordsInMarkdown(text));
    });
    expect(places).toEqual([]);
  });

  it('that the migrations run uses no keyword as a bare identifier', async () => {
    const statements: string[] = [];
    const runner = {
      query: async (sql: string) => {
        statements.push(sql);
        return [];
      },
      hasTable: async () => false,
      hasColumn: async () => false,
    } as unknown as QueryRunner;
    for (const Migration of createDataSource('mysql://nobody@localhost/none').options.migrations as (new () => {
      up(runner: QueryRunner): Promise<void>;
    })[]) {
      await new Migration().up(runner);
    }
    expect(statements.length).toBeGreaterThan(10);
    expect(statements.flatMap((sql) => bareKeywords(sql).map(({ word }) => `${word} in ${sql}`))).toEqual([]);
  });
});
