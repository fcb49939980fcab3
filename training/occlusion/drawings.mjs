// Writes drawings of people as SVG: avatars, emoji, and portraits of our own. They are no people: train.py teaches the net so.
//
//	node training/occlusion/drawings.mjs PACKAGES OUT     (make -C training occlusion does; PACKAGES has node_modules)
//
// OUT/train and OUT/test share no family (artist or style): what the net is tested on it has not seen.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [packages, out] = process.argv.slice(2).map((p) => resolve(p));
const fetched = createRequire(join(packages, "package.json"));
const load = (name) => import(fetched.resolve(name));

/** Random numbers from a seed (mulberry32): the drawings are the same each time. */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const next = random(7);
const between = (low, high) => low + (high - low) * next();
const one = (list) => list[Math.floor(next() * list.length)];

const PEOPLE = /(^|-)(woman|man|person|boy|girl|child|baby|prince|princess|guard|officer|detective|family|couple|kiss|angel|santa|mage|fairy|genie|elf|vampire|zombie|superhero|supervillain|teen|father|mother|mrs-claus|adult|bride|older|old|blond|turban|worker|people|bust|cop|walker)(-|$)/;

/** Icons of an iconify collection that show people, at most so many. */
function emoji(collection, most) {
  const set = JSON.parse(readFileSync(join(packages, "node_modules/@iconify-json", collection, "icons.json")));
  const names = Object.keys(set.icons).filter((n) => PEOPLE.test(n));
  const step = Math.max(names.length / most, 1);
  return Array.from({ length: Math.min(names.length, most) }, (_, i) => {
    const icon = set.icons[names[Math.floor(i * step)]];
    const [w, h] = [icon.width ?? set.width ?? 16, icon.height ?? set.height ?? 16];
    return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="${icon.left ?? 0} ${icon.top ?? 0} ${w} ${h}">${icon.body}</svg>`;
  });
}

async function avatars(style, most) {
  const { createAvatar } = await load("@dicebear/core");
  const drawn = await load("@dicebear/" + style);
  return Array.from({ length: most }, (_, i) => createAvatar(drawn, { seed: `${style} ${i}` }).toString());
}

async function players(most) {
  const { generate, faceToSvgString } = await load("facesjs");
  const before = Math.random;
  Math.random = next; // it takes no seed
  const list = Array.from({ length: most }, () => faceToSvgString(generate(undefined, { gender: one(["male", "female"]) })));
  Math.random = before;
  return list;
}

async function multiavatars(most) {
  const { default: draw } = await load("@multiavatar/multiavatar/esm");
  return Array.from({ length: most }, (_, i) => draw(`person ${i}`));
}

const tone = (rgb, by) => `rgb(${rgb.map((v) => Math.round(Math.min(Math.max(v * by, 0), 255))).join(",")})`;
const SKINS = [[255, 224, 196], [241, 194, 150], [224, 172, 120], [198, 134, 80], [141, 85, 50], [90, 56, 37], [250, 210, 60]];
const HAIRS = [[20, 15, 12], [60, 35, 20], [120, 75, 35], [200, 160, 90], [150, 60, 30], [170, 170, 175], [90, 60, 160]];

/** A portrait with soft shades: a head with hair, eyes, brows, a nose, a mouth, a neck and shoulders. */
function portrait() {
  const skin = one(SKINS), hair = one(HAIRS), w = between(62, 82), h = w * between(1.15, 1.45), soft = next() < 0.7;
  const cx = 150 + between(-6, 6), cy = 140, gap = w * between(0.36, 0.48), eye = cy - h * between(0, 0.12), size = w * between(0.12, 0.22);
  const fill = soft ? "url(#s)" : tone(skin, 1), dark = tone(skin, between(0.5, 0.8)), line = next() < 0.4 ? `stroke="${tone(hair, 0.6)}" stroke-width="${between(1, 4)}"` : "";
  const light = [between(0.25, 0.7), between(0.2, 0.5)];
  let body = `<defs><radialGradient id="s" cx="${light[0]}" cy="${light[1]}" r="${between(0.5, 0.9)}"><stop offset="0" stop-color="${tone(skin, between(1, 1.15))}"/><stop offset="1" stop-color="${tone(skin, between(0.55, 0.9))}"/></radialGradient>
    <linearGradient id="h" x1="0" y1="0" x2="${next()}" y2="1"><stop offset="0" stop-color="${tone(hair, between(1, 1.7))}"/><stop offset="1" stop-color="${tone(hair, between(0.5, 1))}"/></linearGradient>
    <filter id="b"><feGaussianBlur stdDeviation="${between(0.5, 5)}"/></filter></defs>`;
  const strands = soft ? "url(#h)" : tone(hair, 1);
  if (next() < 0.5) body += `<path d="M${cx - w * 1.15} ${cy + h * between(0.4, 1.5)} C${cx - w * 1.4} ${cy - h * 1.5} ${cx + w * 1.4} ${cy - h * 1.5} ${cx + w * 1.15} ${cy + h * between(0.4, 1.5)} Z" fill="${strands}"/>`;
  body += `<rect x="${cx - w * 0.38}" y="${cy + h * 0.6}" width="${w * 0.76}" height="${h * 0.7}" fill="${tone(skin, 0.85)}"/>`;
  body += `<ellipse cx="${cx}" cy="${cy + h * 1.75}" rx="${w * between(1.3, 1.8)}" ry="${h * 0.7}" fill="rgb(${between(0, 255)},${between(0, 255)},${between(0, 255)})"/>`;
  for (const s of [-1, 1]) body += `<ellipse cx="${cx + s * w}" cy="${eye + h * 0.1}" rx="${w * 0.13}" ry="${h * 0.15}" fill="${dark}"/>`;
  const chin = between(0.75, 1.05);
  body += `<path d="M${cx - w} ${cy - h * 0.1} C${cx - w} ${cy - h * 1.25} ${cx + w} ${cy - h * 1.25} ${cx + w} ${cy - h * 0.1} C${cx + w} ${cy + h * chin * 0.75} ${cx + w * 0.45} ${cy + h} ${cx} ${cy + h} C${cx - w * 0.45} ${cy + h} ${cx - w} ${cy + h * chin * 0.75} ${cx - w} ${cy - h * 0.1} Z" fill="${fill}" ${line}/>`;
  const fringe = -h * between(0.35, 0.75);
  if (next() < 0.85) body += `<path d="M${cx - w * 1.05} ${cy - h * between(-0.1, 0.2)} C${cx - w * 1.2} ${cy - h * 1.5} ${cx + w * 1.2} ${cy - h * 1.5} ${cx + w * 1.05} ${cy - h * between(-0.1, 0.2)} C${cx + w * 0.9} ${cy + fringe * 1.1} ${cx + w * between(-0.4, 0.4)} ${cy + fringe} ${cx - w * between(0.6, 0.95)} ${cy + fringe * between(0.6, 1.2)} Z" fill="${strands}"/>`;
  if (next() < 0.6) for (const s of [-1, 1]) body += `<ellipse cx="${cx + s * w * 0.55}" cy="${cy + h * 0.35}" rx="${w * 0.25}" ry="${w * 0.18}" fill="rgb(230,110,100)" opacity="${between(0.15, 0.5)}" filter="url(#b)"/>`;
  const iris = one([[70, 45, 25], [40, 90, 140], [60, 110, 60], [20, 20, 20]]), whites = next() < 0.75, tilt = between(-8, 8);
  for (const s of [-1, 1]) {
    const x = cx + s * gap;
    if (soft) body += `<ellipse cx="${x}" cy="${eye}" rx="${size * 1.7}" ry="${size * 1.2}" fill="${dark}" opacity="${between(0.1, 0.6)}" filter="url(#b)"/>`;
    if (whites) body += `<ellipse cx="${x}" cy="${eye}" rx="${size * 1.3}" ry="${size * between(0.6, 0.62)}" fill="white" ${line}/>`;
    body += `<circle cx="${x}" cy="${eye}" r="${size * 0.6}" fill="${tone(iris, 1)}"/><circle cx="${x}" cy="${eye}" r="${size * 0.3}" fill="black"/>`;
    if (next() < 0.7) body += `<circle cx="${x + size * 0.2}" cy="${eye - size * 0.2}" r="${size * 0.15}" fill="white"/>`;
    body += `<path d="M${x - size * 1.5} ${eye - size * between(1.3, 1.5)} Q${x} ${eye - size * (2.2 + (s * tilt) / 10)} ${x + size * 1.5} ${eye - size * between(1.3, 1.5)}" fill="none" stroke="${tone(hair, 0.9)}" stroke-width="${size * between(0.2, 0.7)}" stroke-linecap="round"/>`;
  }
  const base = cy + h * between(0.25, 0.38), side = one([-1, 1]);
  body += one([
    `<path d="M${cx} ${eye} L${cx + side * w * 0.16} ${base} L${cx} ${base}" fill="none" stroke="${dark}" stroke-width="${between(1, 5)}" stroke-linejoin="round"/>`,
    `<ellipse cx="${cx}" cy="${base - w * 0.08}" rx="${w * 0.16}" ry="${w * 0.14}" fill="${dark}" opacity="${between(0.3, 0.9)}" ${soft ? 'filter="url(#b)"' : ""}/><circle cx="${cx - w * 0.09}" cy="${base}" r="${w * 0.04}" fill="${tone(skin, 0.35)}"/><circle cx="${cx + w * 0.09}" cy="${base}" r="${w * 0.04}" fill="${tone(skin, 0.35)}"/>`,
  ]);
  const mouth = cy + h * between(0.55, 0.68), wide = w * between(0.25, 0.42), lips = tone([200, 80, 80], between(0.6, 1.1)), bend = w * between(-0.05, 0.28);
  body += one([
    `<path d="M${cx - wide} ${mouth} Q${cx} ${mouth + bend} ${cx + wide} ${mouth}" fill="none" stroke="${lips}" stroke-width="${between(2, 8)}" stroke-linecap="round"/>`,
    `<path d="M${cx - wide} ${mouth} Q${cx} ${mouth + bend * 2} ${cx + wide} ${mouth} Z" fill="white" stroke="${lips}" stroke-width="${between(1, 5)}"/>`,
    `<path d="M${cx - wide} ${mouth} Q${cx - wide * 0.4} ${mouth - w * 0.1} ${cx} ${mouth - w * 0.05} Q${cx + wide * 0.4} ${mouth - w * 0.1} ${cx + wide} ${mouth} Q${cx} ${mouth + w * 0.25} ${cx - wide} ${mouth} Z" fill="${lips}"/>`,
  ]);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 340">${body}</svg>`;
}

const STYLES = {
  train: ["adventurer", "avataaars", "big-ears", "big-smile", "croodles", "dylan", "lorelei", "micah", "open-peeps", "adventurer-neutral", "avataaars-neutral", "big-ears-neutral"],
  test: ["personas", "notionists", "toon-head", "miniavs"],
};
const families = { train: {}, test: {} };
for (const [set, most] of [["train", 70], ["test", 50]]) for (const style of STYLES[set]) families[set][style] = await avatars(style, most);
families.train.emojione = emoji("emojione", 250);
families.train.twemoji = emoji("twemoji", 350);
families.train.facesjs = await players(250);
families.train.portrait = Array.from({ length: 400 }, portrait);
families.test.openmoji = emoji("openmoji", 150);
families.test.fxemoji = emoji("fxemoji", 50);
families.test.multiavatar = await multiavatars(50);
for (const [set, drawn] of Object.entries(families)) {
  mkdirSync(join(out, set), { recursive: true });
  for (const [family, list] of Object.entries(drawn)) {
    list.forEach((svg, i) => writeFileSync(join(out, set, `${family}_${String(i).padStart(3, "0")}.svg`), svg));
    console.log(set, family, list.length);
  }
}
