import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The server has the page at /console/, and lets nothing run or load that is in
// the page itself: every asset is a file.
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 3000,
    license: { fileName: 'licenses.txt' },
  },
})
