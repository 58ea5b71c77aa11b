// What the page says, in two languages. The browser's own decides at first.
import texts from './texts.json';

let language = navigator.languages.map((one) => one.slice(0, 2).toLowerCase()).find((one) => one in texts) ?? 'en';

export const currentLanguage = () => language;

export function switchLanguage() {
  language = language === 'ru' ? 'en' : 'ru';
}

// text returns what is said by a key, with {0}, {1} and so on filled in.
export function text(key, ...values) {
  return texts[language][key].replace(/\{(\d)\}/g, (_, n) => values[n]);
}

// translate puts what is said into a part of the page.
export function translate(root) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll('[data-label]')) element.setAttribute('aria-label', text(element.dataset.label));
}
