import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import MiniSearch from 'minisearch';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { buildGuide } from './build.mjs';
import { SEARCH } from './site/search.mjs';

const ROOT = join(import.meta.dirname, '../..');

let folder: string;
beforeAll(async () => {
  folder = temporaryFolder();
  await buildGuide(ROOT, folder);
});
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const pages = () => readdirSync(folder).filter((name) => name.endsWith('.html'));

describe('The guide', () => {
  it('has the tutorials, the pages of docs/, and nothing that the content security policy blocks', () => {
    const tutorials = ['first-transfer', 'card-payment', 'payroll', 'reading-history', 'going-to-production'];
    const names = ['index', 'api', 'runbook', 'clients-cli', ...tutorials].map((name) => `${name}.html`);
    expect(pages()).toEqual(expect.arrayContaining(names));
    for (const page of pages()) {
      const html = read(page).replace(/<code[\s\S]*?<\/code>/g, '');
      expect(html, page).not.toMatch(
        /<[^>]+ (style|on[a-z]+)=|<style|<script(?! src="guide\.js")|https?:[^"]*"[^>]*(src|rel)=/,
      );
    }
  });

  it('has links and images that lead somewhere', () => {
    for (const page of pages()) {
      const targets = [...read(page).matchAll(/(?:href|src)="([^"]+)"/g)].map(([, target = '']) => target);
      for (const target of targets.filter((one) => !/^(https?|mailto):/.test(one))) {
        const [name = '', anchor] = target.split('#');
        expect.soft(existsSync(join(folder, name || page)), `${target} in ${page}`).toBe(true);
        if (anchor !== undefined) expect.soft(read(name || page), `${target} in ${page}`).toContain(`id="${anchor}"`);
      }
    }
  });

  it('shows the programs of a list as tabs', () => {
    const html = read('first-transfer.html');
    for (const language of ['curl', 'TypeScript', 'Python', 'Go', 'Java'])
      expect(html).toContain(`<section data-tab="${language}">`);
    // Readers copy the programs, so these are shown character by character.
    const program = readFileSync(join(ROOT, 'clients/generated/python/first_transfer.py'), 'utf8');
    const shown = html.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
    expect(shown).toContain(`<pre><code>${program}</code></pre>`);
  });

  it.each([
    ['rotate key', /Keys|production/i],
    ['insufficient_funds', /transfer|problem|API/i],
    ['reconcile', /./],
    ['helm install', /./],
  ])('finds "%s"', (query, expected) => {
    const found = MiniSearch.loadJSON(read('search.json'), SEARCH).search(query);
    expect(found.length).toBeGreaterThan(0);
    expect(
      found
        .slice(0, 5)
        .map(({ page, title }) => `${page} ${title}`)
        .join(),
    ).toMatch(expected);
  });
});
