/**
 * Finds SQL identifiers that a server may interpret as keywords. In this repository SQL keywords are written in upper case and
 * identifiers in lower case, so a lower-case word that is a keyword of any server (reserved or not, because the next version may
 * reserve it) must be quoted with backticks. No quotes are needed after a dot, where MySQL and MariaDB accept only an identifier.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** Every keyword in lower case, and whether it is reserved. */
const KEYWORDS: ReadonlyMap<string, boolean> = new Map(
  readFileSync(new URL('keywords.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => line.toLowerCase().split(' '))
    .map(([word = '', reserved]) => [word, reserved === 'reserved']),
);

/** Placeholder for `${…}`: a word character, so that `${side}_account` is one word, which is in no list. */
const HOLE = '\uFFFC';

const TOKEN =
  /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|[A-Za-z_\uFFFC][\w$\uFFFC]*|\S/g;

const STATEMENT =
  /^\s*(SELECT|INSERT|REPLACE|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|SET|WITH|START TRANSACTION|EXPLAIN|GRANT|ANALYZE)\b/;
/** A text with two of these words counts as a fragment of SQL, such as a column definition or a join. */
const FRAGMENT =
  /\b(SELECT|FROM|WHERE|JOIN|ON|AND|OR|AS|NULL|NOT|DEFAULT|KEY|IN|VALUES|LIMIT|(ORDER|GROUP) BY|(BIG|TINY)?INT|(VAR)?CHAR|DATETIME|ENUM|(MEDIUM)?(TEXT|BLOB))\b/g;
const COLUMN_LIST = /^\s*[a-z_][\w.]*(\s*,\s*[a-z_][\w.]*)+\s*$/;

export interface BareKeyword {
  word: string;
  reserved: boolean;
  /** The position in the given text, in characters. */
  position: number;
}

/** @param sql one literal as it appears in the source, with its escape sequences not decoded */
export function bareKeywords(sql: string): BareKeyword[] {
  const found: BareKeyword[] = [];
  let previous = '';
  let beforePrevious = '';
  for (const match of sql.matchAll(TOKEN)) {
    const [token] = match;
    const reserved = /^[a-z_]/.test(token) ? KEYWORDS.get(token) : undefined;
    const isCharacterSet = beforePrevious === 'CHARACTER' && previous === 'SET';
    if (reserved !== undefined && previous !== '.' && !isCharacterSet) {
      found.push({ word: token, reserved, position: match.index });
    }
    beforePrevious = previous;
    previous = token;
  }
  return found;
}

function isSql(text: string): boolean {
  if (STATEMENT.test(text)) return true;
  const words = text.match(/\w+/g)?.length ?? 0;
  const sqlWords = text.match(FRAGMENT)?.length ?? 0;
  if (sqlWords >= 2 && sqlWords * 10 >= words) return true;
  return COLUMN_LIST.test(text) && text.includes('_');
}

/** Bare keywords in the SQL texts of a JavaScript or TypeScript file. */
export function bareKeywordsInSource(fileName: string, source: string): BareKeyword[] {
  const found: BareKeyword[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateExpression(node)) {
      const start = node.getStart() + 1;
      const text = literalText(source, node);
      if (isSql(text) && !isTestTitle(node)) {
        found.push(...bareKeywords(text).map((bare) => ({ ...bare, position: start + bare.position })));
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(fileName, source, ts.ScriptTarget.Latest, true));
  return found;
}

/** The text between the quotes, character for character, with `${…}` and escapes replaced by placeholders. */
function literalText(
  source: string,
  node: ts.StringLiteral | ts.NoSubstitutionTemplateLiteral | ts.TemplateExpression,
) {
  let text = source.slice(node.getStart() + 1, node.end - 1);
  if (ts.isTemplateExpression(node)) {
    for (const { expression } of node.templateSpans) {
      const from = expression.getFullStart() - node.getStart() - 1;
      text =
        text.slice(0, from - 2) +
        HOLE.repeat(expression.getFullWidth() + 3) +
        text.slice(from + expression.getFullWidth() + 1);
    }
  }
  return text.replace(/\\(['"`])/g, ' $1').replace(/\\[nrt]/g, '  ');
}

function isTestTitle(node: ts.Node): boolean {
  const call = node.parent;
  if (!ts.isCallExpression(call) || call.arguments[0] !== node) return false;
  return /^(it|test|describe)\b/.test(call.expression.getText());
}

/** Bare keywords in the ```sql fences of a page. */
export function bareKeywordsInMarkdown(page: string): BareKeyword[] {
  return [...page.matchAll(/```sql\n([\s\S]*?)```/g)].flatMap((fence) =>
    bareKeywords(fence[1] ?? '').map((bare) => ({
      ...bare,
      position: fence.index + '```sql\n'.length + bare.position,
    })),
  );
}
