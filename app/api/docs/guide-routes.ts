import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { z } from 'zod';
import { Problem } from '../../domain/problem.ts';
import { type Answer, type Route, route } from '../http/route.ts';

/** Everything comes from this server, and no script or style is inline. The search loads its index with `fetch`. */
const GUIDE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};
const HEADERS = {
  'Cache-Control': 'public, max-age=3600',
  'Content-Security-Policy': GUIDE_POLICY,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};
const HOME = 'index.html';

/** Where `npm run build` writes the guide: relative to dist/app/api/docs, and to app/api/docs. */
const FOLDERS = ['../../../guide/', '../../../dist/guide/'].map((path) => new URL(path, import.meta.url));

const tag = 'Documentation';

/** Serves the guide: static pages that scripts/guide builds from docs/. Nothing is read before the first request. */
export function guideRoutes(folders: readonly URL[] = FOLDERS): Route[] {
  const files = new Map<string, Answer>();
  let places: Promise<ReadonlyMap<string, URL>> | null = null;
  const file = async (name: string): Promise<Answer> => {
    const known = files.get(name);
    if (known) return known;
    places ??= placesIn(folders);
    const found = await places;
    // Not built yet, as in a fresh checkout: the next request tries again.
    if (found.size === 0) places = null;
    const place = found.get(name);
    if (!place) throw new Problem('not_found', found.size === 0 ? 'The guide is not built.' : 'No such page.');
    const content = { type: TYPES[extname(name)] ?? 'application/octet-stream', data: await readFile(place) };
    const answer = { status: 200, content, headers: HEADERS };
    files.set(name, answer);
    return answer;
  };
  return [
    route({
      method: 'GET',
      path: '/guide',
      scopes: [],
      tag,
      summary: 'The guide: tutorials, instructions, reference and explanations',
      undocumented: true,
      answers: { 302: { description: 'Redirects to the first page', headers: { Location: 'Relative to this path.' } } },
      problems: [],
      handle: () => ({ status: 302, headers: { Location: `guide/${HOME}` } }),
    }),
    route({
      method: 'GET',
      path: '/guide/{file}',
      scopes: [],
      tag,
      summary: 'A page of the guide, or a file that it needs',
      undocumented: true,
      params: z.object({ file: z.string() }),
      answers: { 200: { description: 'The file' } },
      problems: ['not_found'],
      handle: ({ params }) => file(params.file),
    }),
  ];
}

/** The files of the guide by their names. A request can name only these, so no path leads out of the folder. */
async function placesIn(folders: readonly URL[]): Promise<ReadonlyMap<string, URL>> {
  for (const folder of folders) {
    const names = await readdir(folder).catch((): string[] => []);
    if (names.includes(HOME)) return new Map(names.map((name) => [name, new URL(name, folder)]));
  }
  return new Map();
}
