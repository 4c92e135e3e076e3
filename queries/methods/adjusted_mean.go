package methods

func adjustedMeanMethods() []Method { return nil }
