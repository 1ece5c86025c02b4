// Package e2e has no code. Its tests build openivs, start it as an operator
// would, and judge it from outside with the clients people use: the AWS SDK and
// CLI, ffmpeg, ffprobe, and hls.js in a browser.
package e2e
