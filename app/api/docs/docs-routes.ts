import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Problem } from '../../domain/problem.ts';
import { type Answer, type Route, route } from '../http/route.ts';
import type { ApiDocument } from './api-document.ts';
import { CONTENT_SECURITY_POLICY, DOCS_PAGE, DOCS_SCRIPT } from './docs-page.ts';
import { guideRoutes } from './guide-routes.ts';

const tag = 'Documentation';
const OpenApiDocument = z.looseObject({}).meta({ id: 'OpenApiDocument' });

/** The files of the page: our script, and the files of swagger-ui-dist that it needs. No other file is served. */
const SWAGGER_FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};
const OUR_SCRIPT = 'page.js';

/**
 * Browsers may cache the files for one day: they change only with a release, and a page of the previous release still
 * works for a day.
 */
const ASSET_HEADERS = { 'Cache-Control': 'public, max-age=86400', 'X-Content-Type-Options': 'nosniff' };
const FRESH_HEADERS = { 'Cache-Control': 'no-cache', 'X-Content-Type-Options': 'nosniff' };

const swaggerFolder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/** Serves the OpenAPI document of all routes, and a page for reading it and trying it out. */
export function docsRoutes(document: ApiDocument): Route[] {
  const assets = new Map<string, Answer>();

  return [
    route({
      method: 'GET',
      path: '/openapi.json',
      scopes: [],
      tag,
      summary: 'The OpenAPI 3.1 document of this API',
      answers: { 200: { description: 'The document', schema: OpenApiDocument } },
      problems: [],
      handle: () => ({
        status: 200,
        content: { type: 'application/json', data: document.bytes() },
        headers: FRESH_HEADERS,
      }),
    }),
    route({
      method: 'GET',
      path: '/docs',
      scopes: [],
      tag,
      summary: 'The documentation page of this API, with "Try it out"',
      answers: { 200: { description: 'The page', contentType: 'text/html' } },
      problems: [],
      handle: () => ({
        status: 200,
        content: { type: 'text/html; charset=utf-8', data: DOCS_PAGE },
        headers: { ...FRESH_HEADERS, 'Content-Security-Policy': CONTENT_SECURITY_POLICY },
      }),
    }),
    route({
      method: 'GET',
      path: '/docs/{file}',
      scopes: [],
      tag,
      summary: 'A file of the documentation page',
      undocumented: true,
      params: z.object({ file: z.string() }),
      answers: { 200: { description: 'The file' } },
      problems: ['not_found'],
      handle: async ({ params: { file } }) => {
        const asset = assets.get(file) ?? (await readAsset(file));
        assets.set(file, asset);
        return asset;
      },
    }),
    ...guideRoutes(),
  ];
}

async function readAsset(file: string): Promise<Answer> {
  if (file === OUR_SCRIPT) return asset('text/javascript; charset=utf-8', DOCS_SCRIPT);
  const type = Object.hasOwn(SWAGGER_FILES, file) ? SWAGGER_FILES[file] : undefined;
  if (type === undefined) throw new Problem('not_found', `The documentation page has no file ${file}.`);
  return asset(type, await readFile(join(swaggerFolder, file)));
}

function asset(type: string, data: string | Buffer): Answer {
  return { status: 200, content: { type, data }, headers: ASSET_HEADERS };
}
