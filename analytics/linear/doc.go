// Package linear fits ordinary least squares, over rows by a QR decomposition
// or over moments by a scaled Cholesky decomposition of the centred
// cross-products, with model-based, heteroskedasticity-robust (HC0–HC4) and
// cluster-robust (CR0–CR3) standard errors.
//
// It never drops a collinear column silently: that is ErrCollinear with the
// column's name.
package linear
