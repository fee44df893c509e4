// Before the first paint: the theme and the language that were chosen here before, or else those of the system. Everything else waits.
(() => {
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const put = () => { document.documentElement.dataset.theme = kept('tidegate.theme') ?? (dark.matches ? 'dark' : 'light'); };
  dark.addEventListener('change', put);
  put();
  const language = kept('tidegate.language') ?? navigator.language;
  document.documentElement.lang = language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
})();
