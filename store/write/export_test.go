package write

// At lets a test act at the steps of a batch or a re-score, or end it there as a crash
// would, and cuts the responses into slices of about that many.
func (w *Writer) At(rows int64, step func(step string) error) {
	w.rescoreRows, w.at = rows, step
}
