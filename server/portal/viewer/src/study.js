// What the page is told of a study becomes stacks of images.
import loader from '@cornerstonejs/dicom-image-loader';

// fetchStudy asks for the study. What it throws is the key of what is said of it.
export async function fetchStudy(base) {
  let answer;
  try {
    answer = await fetch(base + 'study.json', { cache: 'no-store' });
  } catch {
    throw 'later';
  }
  if (!answer.ok) throw reasonOf(answer.status);
  return answer.json();
}

// reasonOf is the key of what is said of a refusal.
export function reasonOf(status) {
  if (status === 401 || status === 403) return 'locked';
  return status === 404 ? 'gone' : 'later';
}

const tag = { modality: '00080060', red: '00281201', green: '00281202', blue: '00281203', redDescriptor: '00281101' };

// entriesOf returns what a series shows one after the other: an image, by its imageId, or the problem that stands in its place.
export function entriesOf(series, base) {
  const entries = [];
  for (const instance of series.instances) {
    if (instance.problem) {
      entries.push({ problem: instance.problem });
      continue;
    }
    openPalettes(instance.metadata);
    // The loader takes for granted that there is a modality.
    if (!instance.metadata[tag.modality]?.Value) instance.metadata[tag.modality] = { vr: 'CS', Value: [series.modality || 'OT'] };
    for (let frame = 1; frame <= instance.frames; frame++) {
      const imageId = `wadors:${base}instances/${instance.uid}/frames/${frame}`;
      loader.wadors.metaDataManager.add(imageId, instance.metadata);
      entries.push({ imageId, modality: instance.metadata[tag.modality]?.Value?.[0] });
    }
  }
  return entries;
}

// openPalettes turns the tables of a palette, which come as bytes, into numbers, as the loader wants them. A table of 8 bit entries has two of
// them in each word, the first in the lower byte (PS3.3 C.7.6.3.1.6).
function openPalettes(metadata) {
  const [length = 0, , bits] = metadata[tag.redDescriptor]?.Value ?? [];
  for (const one of [tag.red, tag.green, tag.blue]) {
    const table = metadata[one];
    if (!table?.InlineBinary) continue;
    const bytes = Uint8Array.from(atob(table.InlineBinary), (c) => c.charCodeAt(0));
    const entries = length || 65536;
    const wide = bits > 8 || bytes.length >= 2 * entries;
    const words = () => Array.from({ length: bytes.length >> 1 }, (_, i) => bytes[2 * i] | (bytes[2 * i + 1] << 8));
    table.Value = wide ? words() : Array.from(bytes.subarray(0, entries));
    delete table.InlineBinary;
  }
}
