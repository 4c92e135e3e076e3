package arrowfile

// NewDecoderIn is NewDecoder with an allocator, so that a test can count its
// memory.
var NewDecoderIn = newDecoder
