//! Opens backends by name: "flex", "wgpu", "cuda:1" to a Burn [`Device`]. Only this file and `buffer.rs` and
//! `host_backend.rs` of optlab-kernel's `memory` ask which features are on.

use crate::Error;
use burn::tensor::Device;
use std::sync::{Arc, Mutex, PoisonError};

/// A backend that a program can be built with.
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    /// Its name, which is also the cargo feature that enables it.
    pub name: &'static str,
    /// The hardware it runs on.
    pub summary: &'static str,
    /// What its build and its run need beside a Rust toolchain and a linker.
    pub needs: &'static str,
    /// Where this project has run it.
    pub tried: &'static str,
    /// Whether it is compiled into this program.
    pub is_compiled: bool,
    /// Whether results are ready as soon as the call returns, so that reading the loss costs nothing.
    pub is_host: bool,
}

/// All backends, preferred ones first.
pub const BACKENDS: [Backend; 4] = [
    Backend {
        name: "cuda",
        summary: "NVIDIA GPUs",
        needs: "CUDA 12; its build downloads an LLVM, so it needs a network",
        tried: "never built by this project",
        is_compiled: cfg!(feature = "cuda"),
        is_host: false,
    },
    Backend {
        name: "wgpu",
        summary: "GPUs through Vulkan, Metal, DirectX 12 or WebGPU",
        needs: "a driver; without a GPU, Debian's mesa-vulkan-drivers",
        tried: "Linux with a software Vulkan (llvmpipe), in CI",
        is_compiled: cfg!(feature = "wgpu"),
        is_host: false,
    },
    Backend {
        name: "flex",
        summary: "CPU",
        needs: "nothing",
        tried: "Linux x86-64, every test in CI",
        is_compiled: cfg!(feature = "flex"),
        is_host: true,
    },
    Backend {
        name: "ndarray",
        summary: "CPU, slower than flex",
        needs: "nothing",
        tried: "Linux x86-64, references, layers and resume in CI",
        is_compiled: cfg!(feature = "ndarray"),
        is_host: true,
    },
];

/// Returns the backends of this program, preferred ones first.
pub fn compiled() -> impl Iterator<Item = &'static Backend> {
    BACKENDS.iter().filter(|backend| backend.is_compiled)
}

/// Returns the default backend: the first GPU backend of this program, else `flex`.
pub fn default_backend() -> &'static str {
    compiled().next().map_or("flex", |backend| backend.name)
}

/// Parses a name like "cuda:1" into its backend and device index.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName), [`Error::BackendNotCompiled`];
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if the index is not a number; [`Error::NoDevice`] for
/// an index above 0 on the CPU.
pub fn parse(name: &str) -> Result<(&'static Backend, Option<usize>), Error> {
    let (family, index) = match name.split_once(':') {
        Some((family, index)) => {
            let parsed = index
                .parse::<usize>()
                .map_err(|_| Error::invalid("backend", "device index", "a number from 0", index))?;
            (family, Some(parsed))
        }
        None => (name, None),
    };
    let names = BACKENDS.map(|backend| backend.name);
    let backend = BACKENDS
        .iter()
        .find(|backend| backend.name == family)
        .ok_or_else(|| Error::unknown_name("backend", family, &names))?;
    if !backend.is_compiled {
        let compiled: Vec<&str> = compiled().map(|backend| backend.name).collect();
        return Err(Error::BackendNotCompiled {
            backend: family.into(),
            feature: backend.name,
            compiled: compiled.join(", "),
        });
    }
    if backend.is_host && index.is_some_and(|index| index > 0) {
        return Err(Error::NoDevice { backend: name.into(), reason: "the CPU is device 0".into() });
    }
    Ok((backend, index))
}

/// Opens the device of a name like "flex", "wgpu" or "cuda:1", and checks that it answers a first
/// computation.
///
/// # Errors
/// As for [`parse`]; [`Error::NoDevice`] if no such device answers.
pub fn open(name: &str) -> Result<Device, Error> {
    let (backend, index) = parse(name)?;
    let no_device = |reason: String| Error::NoDevice { backend: name.into(), reason };
    // A missing driver shows as a panic inside Burn, on this thread or first on one of Burn's own threads;
    // the first panic says what is wrong.
    let first_panic = Arc::new(Mutex::new(None));
    let heard = first_panic.clone();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let told = panic.payload_as_str().unwrap_or("the driver gave up").to_string();
        heard.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(told);
    }));
    let answer = std::panic::catch_unwind(|| {
        let device = create(backend.name, index)?;
        let two = burn::tensor::Tensor::<1>::ones([1], &device).add_scalar(1.0).into_data();
        (two.iter::<f32>().next() == Some(2.0)).then_some(device)
    });
    std::panic::set_hook(hook);
    match answer {
        Ok(Some(device)) => Ok(device),
        Ok(None) => Err(no_device("no such device".into())),
        Err(_) => {
            let told: Option<String> = first_panic.lock().unwrap_or_else(PoisonError::into_inner).take();
            let reason = told.as_deref().and_then(|told| told.lines().next());
            Err(no_device(reason.unwrap_or("the driver gave up").into()))
        }
    }
}

fn create(backend: &str, index: Option<usize>) -> Option<Device> {
    match backend {
        #[cfg(feature = "flex")]
        "flex" => Some(Device::flex()),
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "Burn wants to drop it; people ask for it all the same")]
        "ndarray" => Some(Device::ndarray()),
        #[cfg(feature = "wgpu")]
        "wgpu" => match index {
            None => Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            Some(index) => {
                Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec().into_iter().nth(index)
            }
        },
        #[cfg(feature = "cuda")]
        "cuda" => Some(Device::cuda(index.unwrap_or(0))),
        _ => {
            let _unused_without_a_gpu_backend = index;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_backend_suggests_the_nearest_one() {
        assert!(parse("wpgu").unwrap_err().to_string().contains("did you mean `wgpu`?"));
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        assert!(open("cuda:1").unwrap_err().to_string().contains("--features cuda"));
    }

    #[test]
    #[cfg(feature = "flex")]
    fn the_cpu_has_one_device() {
        assert!(open("flex:0").is_ok());
        assert!(open("flex:1").unwrap_err().to_string().contains("--backend flex"));
        assert!(open("flex:one").unwrap_err().is_usage());
    }
}
