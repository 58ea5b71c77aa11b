// Builds dist from src and the packages that package-lock.json names: the page's script, the worker that decodes beside it, the decoders,
// the style and the licences, compressed; and SHA256SUMS of what they are and of what they were built from, which a Go test compares.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const modules = 'node_modules/@cornerstonejs';
const decoders = ['codec-charls/dist/charlswasm_decode.wasm', 'codec-libjpeg-turbo-8bit/dist/libjpegturbowasm_decode.wasm',
  'codec-openjpeg/dist/openjpegwasm_decode.wasm', 'codec-openjph/dist/openjphjs.wasm'];

// free are the licences that Lightbox may hand on.
const free = /^(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|0BSD|Zlib|\(MIT AND Zlib\)|\(WTFPL OR MIT\))$/;

// unused is what is imported and never called here: writers of XML, node's own modules, and JPEG XL, which is larger than all other decoders.
const unused = {
  name: 'unused',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(xmlbuilder2|fs|path|crypto|@cornerstonejs\/codec-libjxl\/.*)$/ }, ({ path }) => ({ path, namespace: 'unused' }));
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'export default undefined; export const create = undefined;' }));
  },
};

const result = await build({
  entryPoints: { main: 'src/main.js', decodeImageFrameWorker: `${modules}/dicom-image-loader/dist/esm/decodeImageFrameWorker.js`, style: 'src/style.css' },
  bundle: true, minify: true, format: 'esm', target: 'es2022', legalComments: 'none', metafile: true, write: false, outdir: 'out',
  define: { 'process.env.NODE_ENV': '"production"' }, plugins: [unused],
});

const files = Object.fromEntries(result.outputFiles.map((one) => [one.path.split('/').pop(), Buffer.from(one.contents)]));
for (const one of decoders) files[one.split('/').pop()] = readFileSync(join(modules, one));
files['LICENSES.txt'] = licences(Object.keys(result.metafile.inputs));

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist');
const sum = (content) => createHash('sha256').update(content).digest('hex');
const sums = [];
for (const [name, content] of Object.entries(files)) {
  writeFileSync(`dist/${name}.gz`, gzipSync(content, { level: 9 }));
  sums.push(`${sum(content)}  dist/${name}`);
}
const sources = ['build.mjs', 'package.json', 'package-lock.json', ...readdirSync('src').map((one) => `src/${one}`)];
for (const name of sources) sums.push(`${sum(readFileSync(name))}  ${name}`);
writeFileSync('dist/SHA256SUMS', sums.sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join('\n') + '\n');

// licences gathers the texts of all that went in. What has none of its own has that of the loader, whose repository it comes from.
function licences(inputs) {
  const packages = new Map();
  for (const input of inputs) {
    const folder = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1];
    if (folder && existsSync(join(folder, 'package.json'))) packages.set(folder, JSON.parse(readFileSync(join(folder, 'package.json'))));
  }
  let text = 'What this page is made of, beside Lightbox itself (Apache-2.0).\n';
  for (const [folder, { name, version, license }] of [...packages].sort()) {
    if (!free.test(license)) throw new Error(`${name}: licence ${license}`);
    const find = (pattern) => readdirSync(folder).find((one) => pattern.test(one));
    const file = find(/^(licen[cs]e|copying)/i) ?? (folder.startsWith(modules) ? undefined : find(/^readme/i)); // seedrandom has it there
    const of = file ? join(folder, file) : join(modules, 'dicom-image-loader/LICENSE');
    text += `\n=== ${name} ${version}, ${license}\n\n${readFileSync(of, 'utf8').trim()}\n`;
  }
  return Buffer.from(`${text}\n${readFileSync('src/notices.txt', 'utf8')}`);
}
