import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { z } from 'zod';
import { Problem } from '../../domain/problem.ts';
import { type Answer, type Route, route } from '../http/route.ts';

/** Everything comes from this server, and there is no inline script or style. `connect-src` lets it call only this API. */
export const CONSOLE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': CONSOLE_POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};
/** Files whose names contain a hash of their content, which Vite adds, never change. */
const HASHED = /-[\w-]{8}\.\w+$/;
const fileHeaders = (name: string) => ({
  'Cache-Control': HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
  'X-Content-Type-Options': 'nosniff',
});

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Where `npm run build` puts the console: relative to dist/app/api/console, and to app/api/console. */
const FOLDERS = ['../../../console/', '../../../dist/console/'].map((path) => new URL(path, import.meta.url));
const PAGE = 'index.html';

const tag = 'Console';

/** Serves the console for operators, which is built from clients/console. */
export function consoleRoutes(folders: readonly URL[] = FOLDERS): Route[] {
  let files: Promise<ReadonlyMap<string, Answer>> | null = null;
  const file = async (name: string): Promise<Answer> => {
    // Read once; a pod that lacks the files, or cannot read them now, tries again at the next request.
    files ??= filesIn(folders).catch((error: unknown) => {
      files = null;
      throw error;
    });
    const found = await files;
    if (found.size === 0) files = null;
    const answer = found.get(name);
    if (answer) return answer;
    throw new Problem('not_found', found.size === 0 ? 'The console is not built: npm run build.' : 'No such file.');
  };
  return [
    route({
      method: 'GET',
      path: '/console',
      scopes: [],
      tag,
      summary: 'The console for operators, a web page',
      answers: { 200: { description: 'The page', contentType: 'text/html' } },
      problems: ['not_found'],
      handle: () => file(PAGE),
    }),
    route({
      method: 'GET',
      path: '/console/{file}',
      scopes: [],
      tag,
      summary: 'A file of the console',
      undocumented: true,
      params: z.object({ file: z.string() }),
      answers: { 200: { description: 'The file' } },
      problems: ['not_found'],
      handle: ({ params }) => file(params.file),
    }),
  ];
}

/** The files by name; none if the console has not been built. */
async function filesIn(folders: readonly URL[]): Promise<ReadonlyMap<string, Answer>> {
  for (const folder of folders) {
    const names = await readdir(folder).catch((): string[] => []);
    if (!names.includes(PAGE)) continue;
    const answers = names.map(async (name) => [name, await answerOf(folder, name)] as const);
    return new Map(await Promise.all(answers));
  }
  return new Map();
}

async function answerOf(folder: URL, name: string): Promise<Answer> {
  const data = await readFile(new URL(name, folder));
  if (name !== PAGE)
    return {
      status: 200,
      content: { type: TYPES[extname(name)] ?? 'application/octet-stream', data },
      headers: fileHeaders(name),
    };
  // Relative, so that the page also works behind a proxy that adds a path prefix.
  const page = data.toString('utf8').replaceAll('"./', '"console/');
  return { status: 200, content: { type: 'text/html; charset=utf-8', data: Buffer.from(page) }, headers: PAGE_HEADERS };
}
