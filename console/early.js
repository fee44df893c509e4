// Before the first paint: the theme and the language that were chosen here before. Everything else waits.
(() => {
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const theme = kept('tidegate.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const language = kept('tidegate.language') ?? navigator.language;
  document.documentElement.lang = language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
})();
